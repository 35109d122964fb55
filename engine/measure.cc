#include "engine/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <iterator>
#include <numeric>

#include "cache/device/buffer.h"

namespace moira::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMemoryBytes = 256 * kMiB;  // several times a desktop's last-level cache
constexpr uint64_t kMemoryTask = kMiB;
constexpr int kMemoryPasses = 3;
constexpr uint64_t kFileBytes = 64 * kMiB;
constexpr double kFileSeconds = 0.4;
constexpr size_t kPage = 4096;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Reads `bytes` (a multiple of 64) with independent sums, so that the adds are not what is
// measured.
uint64_t SumWords(const std::byte* data, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes; i += sizeof(sums)) {
    uint64_t words[8];
    std::memcpy(words, data + i, sizeof(words));
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += words[lane];
  }
  return std::accumulate(std::begin(sums), std::end(sums), uint64_t{0});
}

}  // namespace

Result<double> MeasureMemoryRate(ThreadPool& pool, uint64_t available) {
  const size_t tasks = std::clamp<uint64_t>(available / 4, kMemoryTask, kMemoryBytes) / kMemoryTask;
  const uint64_t bytes = tasks * kMemoryTask;
  MOIRA_ASSIGN_OR_RETURN(Buffer buffer, AllocateAligned(bytes, kPage));
  pool.ParallelFor(tasks, [&](size_t task, unsigned) {
    std::fill_n(buffer.data() + task * kMemoryTask, kMemoryTask, std::byte{1});
  });
  std::atomic<uint64_t> sink = 0;  // keeps the sums from being optimized away
  double best = 0;
  for (int pass = 0; pass < kMemoryPasses; ++pass) {
    const Clock::time_point start = Clock::now();
    pool.ParallelFor(tasks, [&](size_t task, unsigned) {
      sink.fetch_add(SumWords(buffer.data() + task * kMemoryTask, kMemoryTask),
                     std::memory_order_relaxed);
    });
    best = std::max(best, static_cast<double>(bytes) / SecondsSince(start));
  }
  return best;
}

Result<double> MeasureFileRate(std::span<const format::ModelFile> files, uint64_t read_bytes) {
  uint64_t total = 0;
  for (const format::ModelFile& file : files) total += file.size();
  read_bytes = std::clamp<uint64_t>(read_bytes, 1, std::max<uint64_t>(total, 1));
  MOIRA_ASSIGN_OR_RETURN(Buffer buffer, AllocateAligned(read_bytes, kPage));
  const uint64_t reads = std::max<uint64_t>(kFileBytes / read_bytes, 1);
  uint64_t bytes = 0;
  const Clock::time_point start = Clock::now();
  for (uint64_t i = 0; i < reads && SecondsSince(start) < kFileSeconds; ++i) {
    const format::ModelFile& file = files[i % files.size()];
    const uint64_t size = std::min(read_bytes, file.size());
    // Even steps through the file, so that read-ahead does not serve more than it would a fetch.
    const uint64_t offset = (file.size() - size) / reads * i;
    MOIRA_RETURN_IF_ERROR(file.ReadAt(offset, buffer.span().first(size)));
    bytes += size;
  }
  return static_cast<double>(bytes) / std::max(SecondsSince(start), 1e-9);
}

}  // namespace moira::engine
