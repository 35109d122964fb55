#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"

namespace moira {

// Where a fault can be injected.
enum class FaultPoint { kCopy, kRead, kAllocate };
// What happens there.
enum class FaultKind { kNone, kError, kShortRead, kDelay };

// Deterministic failures for tests and `--fault-plan`: a list like "read:3=error,copy:10=error,
// read:20-29=short,copy:7=delay:50ms", counted per point from 1. Thread-safe after parsing.
class FaultPlan {
 public:
  struct Fault {
    FaultKind kind = FaultKind::kNone;
    double delay_seconds = 0;
  };

  FaultPlan() = default;
  // kInvalidArgument naming the entry that is not understood.
  static Result<std::unique_ptr<FaultPlan>> Parse(std::string_view text);

  // The fault, if any, of the next operation at `point`; counts it.
  Fault Next(FaultPoint point);

 private:
  struct Entry {
    FaultPoint point;
    uint64_t first, last;  // inclusive, from 1
    Fault fault;
  };
  std::vector<Entry> entries_;
  std::atomic<uint64_t> counts_[3] = {};
};

}  // namespace moira
