#include "cache/parallel_load.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace moira::cache {
namespace {

// What the threads share.
struct Work {
  std::mutex mutex;
  std::condition_variable changed;
  size_t next = 0;
  size_t done = 0;
  unsigned running = 0;
  bool stopped = false;
  Status status;
};

void RunThread(Work& work, size_t items, unsigned thread,
               FunctionRef<Status(size_t, unsigned)> load) {
  std::unique_lock lock(work.mutex);
  while (!work.stopped && work.next < items) {
    const size_t item = work.next++;
    lock.unlock();
    Status status = load(item, thread);
    lock.lock();
    ++work.done;
    if (!status.ok()) {
      if (work.status.ok()) work.status = std::move(status);
      work.stopped = true;
    }
    work.changed.notify_one();
  }
  --work.running;
  work.changed.notify_one();
}

}  // namespace

Status LoadInParallel(size_t items, FunctionRef<Status(size_t item, unsigned thread)> load,
                      FunctionRef<bool(size_t done)> progress) {
  Work work;
  std::vector<std::jthread> threads;
  work.running = static_cast<unsigned>(std::min<size_t>(items, kLoadThreads));
  for (unsigned i = 0, count = work.running; i < count; ++i) {
    threads.emplace_back([&work, items, i, load] { RunThread(work, items, i, load); });
  }
  std::unique_lock lock(work.mutex);
  for (size_t told = 0; work.running > 0 || told != work.done;) {
    work.changed.wait(lock, [&] { return work.running == 0 || told != work.done; });
    if (told == work.done) continue;
    told = work.done;
    lock.unlock();
    const bool go_on = progress(told);
    lock.lock();
    if (go_on || work.stopped) continue;
    work.stopped = true;
    if (work.status.ok()) work.status = Cancelled("loading was stopped");
  }
  return work.status;
}

}  // namespace moira::cache
