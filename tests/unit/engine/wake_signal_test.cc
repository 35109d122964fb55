#include "engine/wake_signal.h"

#include <gtest/gtest.h>

#include <thread>

namespace moira::engine {
namespace {

TEST(WakeSignal, KeepsANotificationThatComesFirst) {
  WakeSignal signal;
  signal.Notify();
  signal.Notify();
  signal.Wait();  // would hang if the notification were lost
}

TEST(WakeSignal, WakesAWaiter) {
  WakeSignal ping, pong;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      ping.Wait();
      pong.Notify();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    ping.Notify();
    pong.Wait();
  }
  other.join();
}

}  // namespace
}  // namespace moira::engine
