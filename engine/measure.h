#pragma once

#include <cstdint>
#include <span>

#include "cache/device/status.h"
#include "cache/device/thread_pool.h"
#include "cache/format/model_file.h"

namespace moira::engine {

// Bytes per second that all threads of the pool read together from memory that is in no cache. Less
// than half a second; takes 256 MiB for that time, or a quarter of the `available` bytes if that is
// less: then caches may help, and the rate is too high.
Result<double> MeasureMemoryRate(ThreadPool& pool, uint64_t available);

// Bytes per second of positioned reads of `read_bytes`, spread over the files, as the page cache
// serves them now: that is what fetching an expert from the file costs. At most half a second.
Result<double> MeasureFileRate(std::span<const format::ModelFile> files, uint64_t read_bytes);

}  // namespace moira::engine
