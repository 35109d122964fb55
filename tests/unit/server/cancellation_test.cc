#include "server/http/cancellation.h"

#include <gtest/gtest.h>

namespace moira::server {
namespace {

TEST(Cancellation, CallsItsSubscriberOnce) {
  Cancellation cancellation;
  int calls = 0;
  const Cancellation::Subscription subscription(cancellation, [&] { ++calls; });
  EXPECT_FALSE(cancellation.cancelled());
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_TRUE(cancellation.cancelled());
  EXPECT_EQ(calls, 1);
}

TEST(Cancellation, CallsALateSubscriberAtOnce) {
  Cancellation cancellation;
  cancellation.Cancel();
  int calls = 0;
  const Cancellation::Subscription subscription(cancellation, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Cancellation, ForgetsASubscriberThatLeft) {
  Cancellation cancellation;
  int calls = 0;
  {
    const Cancellation::Subscription subscription(cancellation, [&] { ++calls; });
  }
  cancellation.Cancel();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace moira::server
