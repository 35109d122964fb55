#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "cache/device/device.h"
#include "cache/device/fault_plan.h"
#include "cache/device/host_device.h"

namespace moira {

// When the copies over one pretended link are done. All streams of a device share it: their bytes
// take turns. Thread-safe.
class LinkSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LinkSchedule(EmulatedLink link) : link_(link) {}

  // Books the link for a copy that was asked for at `asked`; when it will be done.
  Clock::time_point Book(Clock::time_point asked, size_t bytes);

 private:
  const EmulatedLink link_;
  std::mutex mutex_;
  Clock::time_point free_at_{};
};

// One thread that does the copies in the order in which they came. `link` (shared with the device's
// other streams) and `faults` may be null. Thread-safe. The destructor finishes the copy that runs
// and drops those behind it; nobody may still wait then.
class HostCopyStream : public CopyStream {
 public:
  HostCopyStream(std::shared_ptr<LinkSchedule> link, FaultPlan* faults);
  ~HostCopyStream() override;

  CopyTicket CopyToDevice(std::byte* destination, const std::byte* source, size_t bytes) override;
  Status Wait(CopyTicket ticket) override;

 private:
  using Clock = LinkSchedule::Clock;
  struct Copy {
    std::byte* destination;
    const std::byte* source;
    size_t bytes;
    Clock::time_point asked;
  };

  void Run();
  bool Perform(const Copy& copy);

  const std::shared_ptr<LinkSchedule> link_;
  FaultPlan* const faults_;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::condition_variable finished_;
  // Guarded by mutex_. Tickets count from 1; `done_` is the last one that has finished.
  std::deque<Copy> queue_;
  CopyTicket given_ = 0;
  CopyTicket done_ = 0;
  std::set<CopyTicket> failed_;
  bool stop_ = false;
  std::thread worker_;  // last: it uses all of the above
};

}  // namespace moira
