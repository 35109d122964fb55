#include "cache/device/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

namespace moira {
namespace {

// Runs `loops` loops of changing length and checks that each task ran once, by a legal worker, and
// that what the workers wrote is visible to the caller without further synchronization.
void CheckLoops(unsigned threads, size_t loops) {
  ThreadPool pool(threads);
  ASSERT_EQ(pool.threads(), threads);
  std::vector<int> runs;
  std::vector<int> per_worker(threads);
  for (size_t loop = 0; loop < loops; ++loop) {
    size_t tasks = loop % 37;
    runs.assign(tasks, 0);
    std::fill(per_worker.begin(), per_worker.end(), 0);
    pool.ParallelFor(tasks, [&](size_t task, unsigned worker) {
      ++runs[task];
      ++per_worker[worker];
    });
    ASSERT_EQ(runs, std::vector<int>(tasks, 1)) << "loop " << loop;
    ASSERT_EQ(std::accumulate(per_worker.begin(), per_worker.end(), size_t{0}), tasks);
  }
}

TEST(ThreadPool, RunsEachTaskOnceAlone) { CheckLoops(1, 200); }
TEST(ThreadPool, RunsEachTaskOnceWithOneWorker) { CheckLoops(2, 20000); }
TEST(ThreadPool, RunsEachTaskOnceWithMoreThreadsThanCores) {
  CheckLoops(2 * std::thread::hardware_concurrency() + 3, 2000);
}

TEST(ThreadPool, WorksAlsoAfterTheWorkersFellAsleep) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> runs = 0;
    pool.ParallelFor(100, [&](size_t, unsigned) { runs.fetch_add(1); });
    EXPECT_EQ(runs.load(), 100);
    // Longer than workers spin and yield; a worker that is still awake passes as well.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// Two tasks that wait for each other end only if two threads run them at the same time, so this
// hangs where the workers do not take part.
TEST(ThreadPool, TasksRunAtTheSameTime) {
  ThreadPool pool(2);
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> arrived = 0;
    pool.ParallelFor(2, [&](size_t, unsigned) {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived.load(), 2);
  }
}

TEST(ThreadPool, OneTaskRunsOnTheCaller) {
  ThreadPool pool(4);
  std::thread::id runner;
  unsigned runner_index = 99;
  pool.ParallelFor(1, [&](size_t task, unsigned worker) {
    EXPECT_EQ(task, 0u);
    runner = std::this_thread::get_id();
    runner_index = worker;
  });
  EXPECT_EQ(runner, std::this_thread::get_id());
  EXPECT_EQ(runner_index, 0u);
}

TEST(ThreadPool, IsDestroyedWithoutEverRunning) {
  for (unsigned threads = 1; threads < 6; ++threads) ThreadPool pool(threads);
}

TEST(ThreadPool, ZeroThreadsCountAsTheCaller) {
  ThreadPool pool(0);
  EXPECT_EQ(pool.threads(), 1u);
  int runs = 0;
  pool.ParallelFor(3, [&](size_t, unsigned) { ++runs; });
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace moira
