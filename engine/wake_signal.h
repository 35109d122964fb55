#pragma once

#include <condition_variable>
#include <mutex>

namespace moira::engine {

// Wakes the engine thread out of its idle wait. A notification that comes first is not lost.
// Thread-safe.
class WakeSignal {
 public:
  void Notify() {
    {
      std::lock_guard lock(mutex_);
      notified_ = true;
    }
    condition_.notify_one();
  }

  // Returns at once if there was a notification since the last Wait.
  void Wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return notified_; });
    notified_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool notified_ = false;
};

}  // namespace moira::engine
