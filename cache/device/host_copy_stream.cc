#include "cache/device/host_copy_stream.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace moira {
namespace {

using Clock = LinkSchedule::Clock;

// How late a sleeping thread may wake: the rest is spun, so that a copy ends within microseconds of
// its time.
constexpr auto kWakeUpMargin = std::chrono::microseconds(30);
// Keeps a link with a bandwidth near 0 within what a clock can count.
constexpr double kMaxCopySeconds = 3600;

void WaitUntil(Clock::time_point when) {
  std::this_thread::sleep_until(when - kWakeUpMargin);
  while (Clock::now() < when) {
  }
}

Clock::duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Clock::time_point LinkSchedule::Book(Clock::time_point asked, size_t bytes) {
  double seconds = link_.latency_seconds + static_cast<double>(bytes) / link_.bytes_per_second;
  std::lock_guard lock(mutex_);
  // From when it was asked for, not from when the thread got to it: the thread's own delays do not
  // add up over a queue of copies.
  Clock::time_point start = std::max(asked, free_at_);
  free_at_ = start + FromSeconds(std::clamp(seconds, 0.0, kMaxCopySeconds));
  return free_at_;
}

HostCopyStream::HostCopyStream(std::shared_ptr<LinkSchedule> link, FaultPlan* faults)
    : link_(std::move(link)), faults_(faults), worker_([this] { Run(); }) {}

HostCopyStream::~HostCopyStream() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  queued_.notify_one();
  worker_.join();
}

CopyTicket HostCopyStream::CopyToDevice(std::byte* destination, const std::byte* source,
                                        size_t bytes) {
  std::lock_guard lock(mutex_);
  queue_.push_back({destination, source, bytes, Clock::now()});
  queued_.notify_one();
  return ++given_;
}

Status HostCopyStream::Wait(CopyTicket ticket) {
  std::unique_lock lock(mutex_);
  if (ticket == 0 || ticket > given_) {
    return InternalError("copy " + std::to_string(ticket) + " was never queued; the last one is " +
                         std::to_string(given_));
  }
  finished_.wait(lock, [&] { return done_ >= ticket; });
  if (!failed_.contains(ticket)) return Status();
  return IoError("copy " + std::to_string(ticket) + " to the device failed (fault plan)");
}

void HostCopyStream::Run() {
  if (link_ != nullptr) prctl(PR_SET_TIMERSLACK, 1);
  std::unique_lock lock(mutex_);
  while (true) {
    queued_.wait(lock, [&] { return stop_ || !queue_.empty(); });
    if (stop_) return;
    Copy copy = queue_.front();
    queue_.pop_front();
    lock.unlock();
    bool copied = Perform(copy);
    lock.lock();
    ++done_;
    if (!copied) failed_.insert(done_);
    finished_.notify_all();
  }
}

bool HostCopyStream::Perform(const Copy& copy) {
  FaultPlan::Fault fault =
      faults_ != nullptr ? faults_->Next(FaultPoint::kCopy) : FaultPlan::Fault();
  if (fault.kind == FaultKind::kDelay) {
    std::this_thread::sleep_for(FromSeconds(fault.delay_seconds));
  }
  bool copies = fault.kind != FaultKind::kError;
  if (copies && copy.bytes > 0) std::memcpy(copy.destination, copy.source, copy.bytes);
  if (link_ != nullptr) WaitUntil(link_->Book(copy.asked, copy.bytes));
  return copies;
}

}  // namespace moira
