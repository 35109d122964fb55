#pragma once

#include <cstdint>
#include <string>

#include "cache/device/status.h"

namespace moira::engine {

struct MemoryInfo {
  uint64_t total = 0;      // bytes of RAM, or the control group's limit where that is less
  uint64_t available = 0;  // that can be taken now without swapping
};

// What the kernel and the control groups above this process (version 1 or 2) leave. `root` is put
// before /proc and /sys: for tests.
Result<MemoryInfo> ReadMemoryInfo(const std::string& root = "");

}  // namespace moira::engine
