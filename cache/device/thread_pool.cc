#include "cache/device/thread_pool.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "cache/device/log.h"

namespace moira {
namespace {

using Clock = std::chrono::steady_clock;

// Loops of a decode step follow each other within tens of microseconds, and waking a sleeping
// thread costs about as much: a worker waits that long without giving up its core...
constexpr auto kSpinTime = std::chrono::microseconds(50);
// ...then lets others run first, and only then asks the kernel to wake it.
constexpr auto kYieldTime = std::chrono::microseconds(100);
constexpr int kPausesPerClockRead = 32;
constexpr size_t kCacheLineBytes = 64;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// Returns when `value` is not `old` any more: spins, yields, sleeps.
template <typename T>
void AwaitChange(const std::atomic<T>& value, T old, Clock::duration spin_time) {
  Clock::time_point start = Clock::now();
  while (value.load(std::memory_order_acquire) == old) {
    Clock::duration waited = Clock::now() - start;
    if (waited < spin_time) {
      for (int i = 0; i < kPausesPerClockRead; ++i) {
        if (value.load(std::memory_order_relaxed) != old) break;
        Pause();
      }
    } else if (waited < spin_time + kYieldTime) {
      std::this_thread::yield();
    } else {
      value.wait(old, std::memory_order_acquire);
    }
  }
}

}  // namespace

// `unclaimed` counts the tasks of the running loop that nobody took yet. A successful decrement is
// what entitles a thread to read `body` and `tasks`: they cannot change before that task is counted
// in `unfinished`, so a worker that wakes late, even in a later loop, never sees a stale body, and
// the caller need not wait for workers that got no task.
struct ThreadPool::State {
  alignas(kCacheLineBytes) std::atomic<uint32_t> generation = 0;  // +1 per loop; what workers await
  alignas(kCacheLineBytes) std::atomic<size_t> unclaimed = 0;
  alignas(kCacheLineBytes) std::atomic<size_t> unfinished = 0;
  alignas(kCacheLineBytes) const FunctionRef<void(size_t, unsigned)>* body = nullptr;
  size_t tasks = 0;
  std::atomic<bool> stop = false;
  Clock::duration spin_time = kSpinTime;
  std::vector<std::thread> workers;

  void Work(unsigned worker) {
    size_t left = unclaimed.load(std::memory_order_relaxed);
    while (left > 0) {
      if (!unclaimed.compare_exchange_weak(left, left - 1, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
        continue;
      }
      (*body)(tasks - left, worker);
      if (unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1 && worker != 0) {
        unfinished.notify_one();
      }
      left = unclaimed.load(std::memory_order_relaxed);
    }
  }

  void RunWorker(unsigned worker) {
    uint32_t seen = 0;
    while (true) {
      AwaitChange(generation, seen, spin_time);
      seen = generation.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      Work(worker);
    }
  }

  void Wake() {
    generation.fetch_add(1, std::memory_order_release);
    generation.notify_all();
  }
};

ThreadPool::ThreadPool(unsigned threads) : state_(std::make_unique<State>()) {
  // With more threads than cores, one that spins keeps the one it waits for from running.
  if (threads > std::thread::hardware_concurrency()) state_->spin_time = Clock::duration::zero();
  try {
    for (unsigned worker = 1; worker < threads; ++worker) {
      state_->workers.emplace_back([state = state_.get(), worker] { state->RunWorker(worker); });
    }
  } catch (const std::system_error& error) {
    // A limit on processes: fewer workers give the same results.
    LogWarning("started " + std::to_string(state_->workers.size() + 1) + " of " +
               std::to_string(threads) + " threads: " + error.what());
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true, std::memory_order_relaxed);
  state_->Wake();
  for (std::thread& worker : state_->workers) worker.join();
}

unsigned ThreadPool::threads() const { return static_cast<unsigned>(state_->workers.size()) + 1; }

void ThreadPool::ParallelFor(size_t tasks, FunctionRef<void(size_t task, unsigned worker)> body) {
  if (tasks <= 1 || state_->workers.empty()) {
    for (size_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  State& state = *state_;
  state.body = &body;
  state.tasks = tasks;
  state.unfinished.store(tasks, std::memory_order_relaxed);
  state.unclaimed.store(tasks, std::memory_order_release);
  state.Wake();
  state.Work(0);
  size_t left;
  while ((left = state.unfinished.load(std::memory_order_acquire)) > 0) {
    AwaitChange(state.unfinished, left, state.spin_time);
  }
}

}  // namespace moira
