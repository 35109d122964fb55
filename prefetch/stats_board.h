#pragma once

#include <mutex>

#include "prefetch/provider_stats.h"

namespace moira::prefetch {

// Where the engine thread shows its counters to other threads, always as a consistent whole.
// Thread-safe.
class StatsBoard {
 public:
  void Write(const ProviderStats& stats) {
    std::lock_guard lock(mutex_);
    stats_ = stats;
  }
  ProviderStats Read() const {
    std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  ProviderStats stats_;
};

}  // namespace moira::prefetch
