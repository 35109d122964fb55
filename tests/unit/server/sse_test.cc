#include "server/api/sse.h"

#include <gtest/gtest.h>

namespace moira::server {
namespace {

TEST(Sse, EventsEndWithAnEmptyLine) {
  EXPECT_EQ(SseData(R"({"a":1})"), "data: {\"a\":1}\n\n");
  EXPECT_EQ(kSseDone, "data: [DONE]\n\n");
  EXPECT_TRUE(kSsePing.starts_with(":") && kSsePing.ends_with("\n\n"));
}

}  // namespace
}  // namespace moira::server
