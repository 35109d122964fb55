#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "prefetch/record_mover.h"

namespace moira::prefetch {

// A mover that moves nothing, and only when the test lets it: makes the order of a queue's work
// visible and repeatable. Thread-safe.
class GatedMover : public RecordMover {
 public:
  struct Call {
    cache::RecordId record;
    uint64_t offset;
    bool operator==(const Call&) const = default;
  };

  explicit GatedMover(bool open = false) : open_(open) {}

  Status Move(cache::RecordId record, uint64_t offset, uint64_t, std::byte*, unsigned) override {
    std::unique_lock lock(mutex_);
    calls_.push_back({record, offset});
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_ || allowed_ > 0; });
    if (!open_) --allowed_;
    const auto failure = failures_.find(record);
    if (failure == failures_.end()) return {};
    const Status status = failure->second.status;
    if (failure->second.once) failures_.erase(failure);
    return status;
  }

  // Waits until that many moves have begun.
  void AwaitCalls(size_t calls) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_.size() >= calls; });
  }
  // Lets this many moves end.
  void Allow(size_t moves) {
    std::lock_guard lock(mutex_);
    allowed_ += moves;
    changed_.notify_all();
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Fail(cache::RecordId record, Status status) {
    std::lock_guard lock(mutex_);
    failures_[record] = {std::move(status), false};
  }
  void FailOnce(cache::RecordId record, Status status) {
    std::lock_guard lock(mutex_);
    failures_[record] = {std::move(status), true};
  }
  void Heal(cache::RecordId record) {
    std::lock_guard lock(mutex_);
    failures_.erase(record);
  }
  // In the order in which they began.
  std::vector<Call> calls() {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  struct Failure {
    Status status;
    bool once;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_;
  size_t allowed_ = 0;
  std::vector<Call> calls_;
  std::map<cache::RecordId, Failure> failures_;
};

}  // namespace moira::prefetch
