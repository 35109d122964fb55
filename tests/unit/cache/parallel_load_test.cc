#include "cache/parallel_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace moira::cache {
namespace {

TEST(ParallelLoadTest, LoadsEachItemOnceAndTellsTheCaller) {
  std::vector<std::atomic<int>> loads(100);
  std::vector<size_t> told;
  const auto caller = std::this_thread::get_id();
  const Status status = LoadInParallel(
      loads.size(),
      [&](size_t item, unsigned thread) {
        EXPECT_LT(thread, kLoadThreads);
        ++loads[item];
        return Status();
      },
      [&](size_t done) {
        EXPECT_EQ(std::this_thread::get_id(), caller);
        told.push_back(done);
        return true;
      });
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(std::all_of(loads.begin(), loads.end(), [](const auto& n) { return n == 1; }));
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), loads.size());
}

TEST(ParallelLoadTest, NothingToLoadIsDone) {
  EXPECT_TRUE(
      LoadInParallel(
          0, [](size_t, unsigned) { return IoError("called"); }, [](size_t) { return false; })
          .ok());
}

TEST(ParallelLoadTest, FailureStopsAndIsReturned) {
  std::atomic<size_t> loads = 0;
  const Status status = LoadInParallel(
      100'000,
      [&](size_t item, unsigned) {
        ++loads;
        return item == 10 ? IoError("item 10") : Status();
      },
      [](size_t) { return true; });
  EXPECT_EQ(status.message(), "item 10");
  EXPECT_LT(loads, 100'000u);
}

TEST(ParallelLoadTest, CallerStops) {
  // The first item ends only when the caller was told of another one, and stopped.
  std::atomic<bool> stopped = false;
  const Status status = LoadInParallel(
      1'000'000,
      [&](size_t item, unsigned) {
        if (item == 0) stopped.wait(false);
        return Status();
      },
      [&](size_t) {
        stopped = true;
        stopped.notify_all();
        return false;
      });
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace moira::cache
