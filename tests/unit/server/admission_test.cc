#include "server/api/admission.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace moira::server {
namespace {

using std::chrono::milliseconds;

TEST(Admission, IsFullAtItsCapacity) {
  Admission admission(1, 2);
  const Admission::Place first(admission);
  EXPECT_FALSE(admission.full());
  {
    const Admission::Place second(admission);
    EXPECT_TRUE(admission.full());
  }
  EXPECT_FALSE(admission.full());
}

TEST(Admission, AsksForAtLeastASecond) {
  Admission admission(1, 2);
  EXPECT_EQ(admission.RetryAfter(), 1);
  { const Admission::Place place(admission); }
  EXPECT_EQ(admission.RetryAfter(), 1);
}

TEST(Admission, WaitsForTheLastToLeave) {
  Admission admission(1, 2);
  EXPECT_TRUE(admission.WaitUntilEmpty(milliseconds(0)));
  auto place = std::make_unique<Admission::Place>(admission);
  EXPECT_FALSE(admission.WaitUntilEmpty(milliseconds(1)));
  std::thread other([&] { place.reset(); });
  EXPECT_TRUE(admission.WaitUntilEmpty(milliseconds(60'000)));
  other.join();
}

}  // namespace
}  // namespace moira::server
