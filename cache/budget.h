#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "cache/expert_record.h"

namespace moira::cache {

// What `--expert-cache` asks for.
struct ExpertCacheBudget {
  enum class Kind { kAutomatic, kAll, kBytes, kPercent };
  Kind kind = Kind::kAutomatic;
  uint64_t bytes = 0;  // for kBytes
  double percent = 0;  // for kPercent, of the routed experts' bytes; 0 = the smallest legal pool
};

// "512MiB", "1.5GB", "1048576": bytes. KiB/MiB/GiB are powers of 1024, KB/MB/GB of 1000.
Result<uint64_t> ParseSize(std::string_view text);
// Bounds of a rate that is taken from a person, in bytes per second: between a slow SD card and far
// beyond any memory there is.
inline constexpr double kMinimumRate = 1e6;
inline constexpr double kMaximumRate = 1e14;
// "12GB/s", "45 GB/s", "500 MiB/s": bytes per second within the bounds.
Result<double> ParseRate(std::string_view text);
// "auto", "all", a size, or "50%".
Result<ExpertCacheBudget> ParseExpertCacheBudget(std::string_view text);
// "1.50 GiB".
std::string FormatBytes(uint64_t bytes);

// Slots of each layout class (index = class) within the budget, in proportion to the bytes that the
// classes' records have in all, never below the smallest legal pool (kMinimumSlots each, or as many
// as there are records) and never more than there are records. `automatic_bytes` is what kAutomatic
// may take.
inline constexpr uint64_t kMinimumSlots = 2;  // one to compute from while the other is filled
std::vector<uint64_t> DivideSlots(const ExpertCacheBudget& budget, uint64_t automatic_bytes,
                                  std::span<const LayerRecords> layers);

}  // namespace moira::cache
