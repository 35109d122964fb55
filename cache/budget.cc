#include "cache/budget.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "cache/device/checked.h"

namespace moira::cache {
namespace {

// Wide enough for records x bytes without a check at each step.
__extension__ typedef unsigned __int128 Wide;

struct SizeUnit {
  std::string_view name;
  uint64_t bytes;
};

constexpr SizeUnit kSizeUnits[] = {
    {"", 1},
    {"B", 1},
    {"KiB", uint64_t{1} << 10},
    {"MiB", uint64_t{1} << 20},
    {"GiB", uint64_t{1} << 30},
    {"TiB", uint64_t{1} << 40},
    {"KB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
};

// 10^18 is the largest power of ten below 2^63; more digits could not change a size in bytes.
constexpr size_t kMaximumFractionDigits = 18;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return lower(x) == lower(y); });
}

const SizeUnit* FindUnit(std::string_view name) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (EqualsIgnoringCase(unit.name, name)) return &unit;
  }
  return nullptr;
}

Status BadSize(std::string_view text, std::string_view reason) {
  return InvalidArgument("size '" + std::string(text) + "': " + std::string(reason) +
                         " (write bytes, or a number with KiB, MiB, GiB, TiB, KB, MB, GB or TB)");
}

// Bytes of the digits after the point, rounded down.
uint64_t FractionBytes(std::string_view digits, uint64_t unit_bytes) {
  uint64_t numerator = 0;
  uint64_t denominator = 1;
  for (char c : digits.substr(0, kMaximumFractionDigits)) {
    numerator = numerator * 10 + static_cast<uint64_t>(c - '0');
    denominator *= 10;
  }
  return static_cast<uint64_t>(Wide{numerator} * unit_bytes / denominator);
}

// What DivideSlots knows of a layout class.
struct ClassShare {
  uint64_t records = 0;
  uint64_t slot_bytes = 0;
  uint64_t slots = 0;
  bool at_minimum = false;

  uint64_t minimum() const { return std::min(kMinimumSlots, records); }
  Wide bytes() const { return Wide{records} * slot_bytes; }
};

std::vector<ClassShare> CollectClasses(std::span<const LayerRecords> layers) {
  std::vector<ClassShare> classes;
  for (const LayerRecords& layer : layers) {
    if (layer.layout_class >= classes.size()) classes.resize(layer.layout_class + 1);
    ClassShare& share = classes[layer.layout_class];
    share.records += layer.experts;
    share.slot_bytes = CheckedAlignUp(layer.record_bytes, kRecordAlignment)
                           .value_or(std::numeric_limits<uint64_t>::max());
  }
  return classes;
}

Wide TotalBytes(std::span<const ClassShare> classes) {
  Wide total = 0;
  for (const ClassShare& share : classes) total += share.bytes();
  return total;
}

Wide BudgetBytes(const ExpertCacheBudget& budget, uint64_t automatic_bytes, Wide total) {
  switch (budget.kind) {
    case ExpertCacheBudget::Kind::kAll:
      return total;
    case ExpertCacheBudget::Kind::kBytes:
      return budget.bytes;
    case ExpertCacheBudget::Kind::kPercent:
      return static_cast<Wide>(static_cast<long double>(total) * budget.percent / 100);
    case ExpertCacheBudget::Kind::kAutomatic:
      break;
  }
  return automatic_bytes;
}

// Gives every class the same share of its records, except that classes whose share would be below
// their minimum keep the minimum and the others divide what is left. Needs `budget` >= all minima.
void DivideProportionally(std::span<ClassShare> classes, Wide budget) {
  for (bool changed = true; changed;) {
    changed = false;
    Wide left = budget;
    Wide total = 0;
    for (const ClassShare& share : classes) {
      if (share.at_minimum) {
        left -= Wide{share.minimum()} * share.slot_bytes;
      } else {
        total += share.bytes();
      }
    }
    for (ClassShare& share : classes) {
      if (share.at_minimum) continue;
      share.slots = static_cast<uint64_t>(share.records * left / total);
      if (share.slots >= share.minimum()) continue;
      share.slots = share.minimum();
      share.at_minimum = changed = true;
    }
  }
}

// Rounding down left less than one slot per class: hand it out where it fits, emptiest class first.
void DivideRest(std::span<ClassShare> classes, Wide rest) {
  while (true) {
    ClassShare* emptiest = nullptr;
    for (ClassShare& share : classes) {
      if (share.slots == share.records || share.slot_bytes > rest) continue;
      if (emptiest == nullptr ||
          Wide{share.slots} * emptiest->records < Wide{emptiest->slots} * share.records) {
        emptiest = &share;
      }
    }
    if (emptiest == nullptr) return;
    ++emptiest->slots;
    rest -= emptiest->slot_bytes;
  }
}

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  const size_t digits =
      static_cast<size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) - text.begin());
  if (digits == 0) return BadSize(text, "no number");
  uint64_t whole = 0;
  if (std::from_chars(text.data(), text.data() + digits, whole).ec != std::errc()) {
    return BadSize(text, "more than 2^64 - 1");
  }
  std::string_view rest = text.substr(digits);
  std::string_view fraction;
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    fraction = rest.substr(
        0, static_cast<size_t>(std::find_if_not(rest.begin(), rest.end(), IsDigit) - rest.begin()));
    if (fraction.empty()) return BadSize(text, "no digits after the point");
    rest.remove_prefix(fraction.size());
  }
  if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
  const SizeUnit* unit = FindUnit(rest);
  if (unit == nullptr) return BadSize(text, "unknown unit '" + std::string(rest) + "'");
  if (unit->bytes == 1 && !fraction.empty()) return BadSize(text, "a fraction of a byte");
  const std::optional<uint64_t> bytes = CheckedMul(whole, unit->bytes);
  const std::optional<uint64_t> sum =
      bytes ? CheckedAdd(*bytes, FractionBytes(fraction, unit->bytes)) : std::nullopt;
  if (!sum) return BadSize(text, "more than 2^64 - 1 bytes");
  return *sum;
}

Result<double> ParseRate(std::string_view text) {
  const auto bad = [&](std::string_view reason) {
    return InvalidArgument("rate '" + std::string(text) + "': " + std::string(reason) +
                           " (write 12GB/s, 500 MiB/s and the like)");
  };
  constexpr std::string_view kPerSecond = "/s";
  if (!text.ends_with(kPerSecond)) return bad("does not end with /s");
  const Result<uint64_t> bytes = ParseSize(text.substr(0, text.size() - kPerSecond.size()));
  if (!bytes.ok()) return bad("no size before the /s");
  const auto rate = static_cast<double>(*bytes);
  if (rate < kMinimumRate || rate > kMaximumRate) {
    return bad("must be between 1 MB/s and 100 TB/s");
  }
  return rate;
}

Result<ExpertCacheBudget> ParseExpertCacheBudget(std::string_view text) {
  ExpertCacheBudget budget;
  if (text == "auto") return budget;
  if (text == "all") {
    budget.kind = ExpertCacheBudget::Kind::kAll;
    return budget;
  }
  if (!text.empty() && text.back() == '%') {
    const std::string_view number = text.substr(0, text.size() - 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(),
                                              budget.percent, std::chars_format::fixed);
    if (number.empty() || error != std::errc() || end != number.data() + number.size() ||
        !(budget.percent >= 0 && budget.percent <= 100)) {
      return InvalidArgument("expert cache '" + std::string(text) +
                             "': a percentage is from 0% to 100%");
    }
    budget.kind = ExpertCacheBudget::Kind::kPercent;
    return budget;
  }
  Result<uint64_t> bytes = ParseSize(text);
  if (!bytes.ok()) {
    return InvalidArgument("expert cache '" + std::string(text) +
                           "': not auto, all, a size such as 2GiB, or a percentage such as 50%");
  }
  budget.kind = ExpertCacheBudget::Kind::kBytes;
  budget.bytes = *bytes;
  return budget;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::string_view kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.995 would print as 1024.00.
  while (value >= 1023.995 && unit + 1 < std::size(kNames)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %s", value, kNames[unit].data());
  return text;
}

std::vector<uint64_t> DivideSlots(const ExpertCacheBudget& budget, uint64_t automatic_bytes,
                                  std::span<const LayerRecords> layers) {
  std::vector<ClassShare> classes = CollectClasses(layers);
  const Wide total = TotalBytes(classes);
  const Wide bytes = BudgetBytes(budget, automatic_bytes, total);
  Wide minimum = 0;
  for (const ClassShare& share : classes) minimum += Wide{share.minimum()} * share.slot_bytes;
  if (bytes >= total) {
    for (ClassShare& share : classes) share.slots = share.records;
  } else if (bytes <= minimum) {
    for (ClassShare& share : classes) share.slots = share.minimum();
  } else {
    DivideProportionally(classes, bytes);
    Wide used = 0;
    for (const ClassShare& share : classes) used += Wide{share.slots} * share.slot_bytes;
    DivideRest(classes, bytes - used);
  }
  std::vector<uint64_t> slots;
  for (const ClassShare& share : classes) slots.push_back(share.slots);
  return slots;
}

}  // namespace moira::cache
