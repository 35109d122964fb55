#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/device/function_ref.h"
#include "cache/device/status.h"

namespace moira::cache {

// Reads in flight while a model is loaded: enough to keep an NVMe drive busy at request sizes of
// about a megabyte.
inline constexpr unsigned kLoadThreads = 4;

// Calls load(item, thread) for each item in [0, items), each on one of kLoadThreads threads, and
// tells `progress`, on the calling thread, how many are done; false stops with kCancelled. Returns
// after all threads have ended: with the first failure, if there was one.
Status LoadInParallel(size_t items, FunctionRef<Status(size_t item, unsigned thread)> load,
                      FunctionRef<bool(size_t done)> progress);

}  // namespace moira::cache
