#include "cache/device/fault_plan.h"

#include <charconv>
#include <optional>

namespace moira {
namespace {

// Longer than any deadline that a test waits for, short enough to end a run by itself.
constexpr double kMaxDelaySeconds = 60;

struct PointName {
  std::string_view name;
  FaultPoint point;
};
constexpr PointName kPoints[] = {
    {"copy", FaultPoint::kCopy}, {"read", FaultPoint::kRead}, {"allocate", FaultPoint::kAllocate}};

struct UnitName {
  std::string_view name;
  double seconds;
};
// "us" and "ms" before "s", which ends both.
constexpr UnitName kUnits[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};

std::optional<FaultPoint> ParsePoint(std::string_view text) {
  for (const PointName& row : kPoints) {
    if (row.name == text) return row.point;
  }
  return std::nullopt;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

std::optional<double> ParseDelay(std::string_view text) {
  for (const UnitName& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    double value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    double seconds = value * unit.seconds;
    if (!(seconds >= 0 && seconds <= kMaxDelaySeconds)) return std::nullopt;
    return seconds;
  }
  return std::nullopt;
}

std::optional<FaultPlan::Fault> ParseFault(FaultPoint point, std::string_view text) {
  constexpr std::string_view kDelayPrefix = "delay:";
  if (text == "error") return FaultPlan::Fault{FaultKind::kError, 0};
  // Only a read can end early.
  if (text == "short" && point == FaultPoint::kRead) {
    return FaultPlan::Fault{FaultKind::kShortRead, 0};
  }
  if (!text.starts_with(kDelayPrefix)) return std::nullopt;
  std::optional<double> seconds = ParseDelay(text.substr(kDelayPrefix.size()));
  if (!seconds) return std::nullopt;
  return FaultPlan::Fault{FaultKind::kDelay, *seconds};
}

Status NotUnderstood(std::string_view entry) {
  return InvalidArgument("fault plan: '" + std::string(entry) +
                         "' is not (read|copy|allocate):N[-M]=(error|short|delay:TIME), with N "
                         "from 1, short for reads only, TIME up to 60s in us, ms or s");
}

}  // namespace

Result<std::unique_ptr<FaultPlan>> FaultPlan::Parse(std::string_view text) {
  auto plan = std::make_unique<FaultPlan>();
  while (!text.empty()) {
    std::string_view entry = text.substr(0, text.find(','));
    bool last = entry.size() == text.size();
    text.remove_prefix(last ? entry.size() : entry.size() + 1);
    size_t colon = entry.find(':');
    size_t equals = entry.find('=');
    if (colon == std::string_view::npos || equals == std::string_view::npos || equals < colon ||
        (text.empty() && !last)) {
      return NotUnderstood(entry);
    }
    std::string_view range = entry.substr(colon + 1, equals - colon - 1);
    size_t dash = range.find('-');
    std::optional<FaultPoint> point = ParsePoint(entry.substr(0, colon));
    std::optional<uint64_t> from = ParseCount(range.substr(0, dash));
    std::optional<uint64_t> to =
        dash == std::string_view::npos ? from : ParseCount(range.substr(dash + 1));
    if (!point || !from || !to || *to < *from) return NotUnderstood(entry);
    std::optional<Fault> fault = ParseFault(*point, entry.substr(equals + 1));
    if (!fault) return NotUnderstood(entry);
    plan->entries_.push_back({*point, *from, *to, *fault});
  }
  return plan;
}

FaultPlan::Fault FaultPlan::Next(FaultPoint point) {
  uint64_t number = 1 + counts_[static_cast<size_t>(point)].fetch_add(1, std::memory_order_relaxed);
  for (const Entry& entry : entries_) {
    if (entry.point == point && number >= entry.first && number <= entry.last) return entry.fault;
  }
  return {};
}

}  // namespace moira
