#include "server/http/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace moira::server {
namespace {

TEST(WorkerPool, RunsEverythingBeforeItEnds) {
  std::atomic<int> done{0};
  {
    WorkerPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.Run([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(WorkerPool, ItsThreadsWorkAtTheSameTime) {
  // Each task waits for the others: with fewer threads this would never end.
  std::latch all(3);
  WorkerPool pool(3);
  for (int i = 0; i < 3; ++i) pool.Run([&] { all.arrive_and_wait(); });
  all.wait();
}

}  // namespace
}  // namespace moira::server
