#include "server/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ProgressTextTest, ShowsShareBytesAndRemainingTime) {
  std::string text = ProgressText("loading", 1 << 20, 4 << 20, 2.0);
  EXPECT_THAT(text, HasSubstr("loading [#######......................."));
  EXPECT_THAT(text, HasSubstr("25%"));
  EXPECT_THAT(text, HasSubstr("ETA 6 s"));
}

TEST(ProgressTextTest, TheEndsHaveNoRemainingTime) {
  EXPECT_THAT(ProgressText("x", 0, 10, 1), Not(HasSubstr("ETA")));
  EXPECT_THAT(ProgressText("x", 10, 10, 1), HasSubstr("100%"));
  EXPECT_THAT(ProgressText("x", 10, 10, 1), Not(HasSubstr("ETA")));
  EXPECT_THAT(ProgressText("x", 0, 0, 1), HasSubstr("100%"));
  EXPECT_THAT(ProgressText("x", 20, 10, 1), HasSubstr("100%"));  // more than was announced
}

}  // namespace
}  // namespace moira::server
