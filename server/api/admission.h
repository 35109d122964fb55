#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace moira::server {

// Counts the generating requests that are inside and guesses when the next place gets free.
// Thread-safe.
class Admission {
 public:
  // `parallel` requests run at once; `capacity` may be inside, waiting ones included.
  Admission(size_t parallel, size_t capacity) : parallel_(parallel), capacity_(capacity) {}

  // Counted while it lives.
  class Place {
   public:
    explicit Place(Admission& owner);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    Admission& owner_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  };

  bool full() const;
  // Whole seconds, 1..120: queue length times the mean time that a request took lately.
  int RetryAfter() const;
  // True when nothing is inside; waits for that until the deadline.
  bool WaitUntilEmpty(std::chrono::milliseconds deadline);

 private:
  const size_t parallel_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  double mean_seconds_ = 0;  // moving average; 0 before the first
};

}  // namespace moira::server
