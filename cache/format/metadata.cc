#include <cmath>
#include <limits>

#include "cache/format/gguf.h"

namespace moira::format {
namespace {

// What a value is, for messages; in the order of MetadataValue's alternatives.
constexpr std::string_view kKindNames[] = {"a boolean",
                                           "a signed integer",
                                           "an unsigned integer",
                                           "a float",
                                           "a string",
                                           "an array of booleans",
                                           "an array of signed integers",
                                           "an array of unsigned integers",
                                           "an array of floats",
                                           "an array of strings"};
static_assert(std::size(kKindNames) == std::variant_size_v<MetadataValue>);

Status WrongKind(std::string_view key, const MetadataValue& found, std::string_view wanted) {
  return InvalidData("key '" + std::string(key) + "' is " + std::string(kKindNames[found.index()]) +
                     ", not " + std::string(wanted));
}

template <typename T>
Status OutOfBounds(std::string_view key, const std::string& value, T minimum, T maximum) {
  return InvalidData("key '" + std::string(key) + "' is " + value + ", outside " +
                     std::to_string(minimum) + " to " + std::to_string(maximum));
}

template <typename T>
std::string ValueText(T value) {
  return std::to_string(value);
}

// An integer of either signedness as a T inside the bounds.
template <typename T>
Result<std::optional<T>> Integer(std::string_view key, const MetadataValue* value, T minimum,
                                 T maximum) {
  if (value == nullptr) return std::optional<T>();
  auto in_bounds = [&](auto found) -> Result<std::optional<T>> {
    if (std::cmp_less(found, minimum) || std::cmp_greater(found, maximum)) {
      return OutOfBounds(key, ValueText(found), minimum, maximum);
    }
    return std::optional<T>(static_cast<T>(found));
  };
  if (const int64_t* found = std::get_if<int64_t>(value)) return in_bounds(*found);
  if (const uint64_t* found = std::get_if<uint64_t>(value)) return in_bounds(*found);
  return WrongKind(key, *value, "an integer");
}

// The value as one T or as an array of them.
template <typename T>
std::optional<std::vector<T>> AsList(const MetadataValue& value) {
  if (const T* one = std::get_if<T>(&value)) return std::vector<T>{*one};
  if (const auto* many = std::get_if<std::vector<T>>(&value)) return *many;
  return std::nullopt;
}

}  // namespace

Status Metadata::Add(std::string key, MetadataValue value) {
  auto [place, added] = entries_.try_emplace(std::move(key), std::move(value));
  if (!added) return InvalidData("key '" + place->first + "' is there twice");
  return Status();
}

bool Metadata::Has(std::string_view key) const { return entries_.contains(key); }

const MetadataValue* Metadata::Find(std::string_view key) const {
  auto place = entries_.find(key);
  return place == entries_.end() ? nullptr : &place->second;
}

Result<std::optional<uint64_t>> Metadata::Unsigned(std::string_view key, uint64_t minimum,
                                                   uint64_t maximum) const {
  return Integer<uint64_t>(key, Find(key), minimum, maximum);
}

Result<std::optional<int64_t>> Metadata::Signed(std::string_view key, int64_t minimum,
                                                int64_t maximum) const {
  return Integer<int64_t>(key, Find(key), minimum, maximum);
}

Result<std::optional<double>> Metadata::Float(std::string_view key, double minimum,
                                              double maximum) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::optional<double>();
  double found;
  if (const double* number = std::get_if<double>(value)) {
    found = *number;
  } else if (const int64_t* integer = std::get_if<int64_t>(value)) {
    found = static_cast<double>(*integer);
  } else if (const uint64_t* natural = std::get_if<uint64_t>(value)) {
    found = static_cast<double>(*natural);
  } else {
    return WrongKind(key, *value, "a float");
  }
  // Written so that NaN fails too.
  if (!(std::isfinite(found) && found >= minimum && found <= maximum)) {
    return OutOfBounds(key, ValueText(found), minimum, maximum);
  }
  return std::optional<double>(found);
}

Result<std::optional<bool>> Metadata::Bool(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::optional<bool>();
  if (const bool* found = std::get_if<bool>(value)) return std::optional<bool>(*found);
  return WrongKind(key, *value, "a boolean");
}

Result<std::optional<std::string>> Metadata::String(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (const auto* found = std::get_if<std::string>(value)) return std::optional(*found);
  return WrongKind(key, *value, "a string");
}

Result<const std::vector<std::string>*> Metadata::Strings(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return static_cast<const std::vector<std::string>*>(nullptr);
  if (const auto* found = std::get_if<std::vector<std::string>>(value)) return found;
  return WrongKind(key, *value, "an array of strings");
}

Result<std::optional<std::vector<int64_t>>> Metadata::Integers(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::optional<std::vector<int64_t>>();
  if (auto found = AsList<int64_t>(*value)) return found;
  std::optional<std::vector<uint64_t>> naturals = AsList<uint64_t>(*value);
  if (!naturals) return WrongKind(key, *value, "an integer or an array of integers");
  constexpr int64_t kMaximum = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> integers;
  integers.reserve(naturals->size());
  for (uint64_t natural : *naturals) {
    if (std::cmp_greater(natural, kMaximum)) {
      return OutOfBounds<int64_t>(key, ValueText(natural), 0, kMaximum);
    }
    integers.push_back(static_cast<int64_t>(natural));
  }
  return std::optional(std::move(integers));
}

Result<std::optional<std::vector<double>>> Metadata::Floats(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::optional<std::vector<double>>();
  std::optional<std::vector<double>> floats = AsList<double>(*value);
  if (!floats) {
    if (auto integers = AsList<int64_t>(*value)) {
      floats.emplace(integers->begin(), integers->end());
    } else if (auto naturals = AsList<uint64_t>(*value)) {
      floats.emplace(naturals->begin(), naturals->end());
    } else {
      return WrongKind(key, *value, "a float or an array of floats");
    }
  }
  for (double number : *floats) {
    if (!std::isfinite(number)) {
      return InvalidData("key '" + std::string(key) + "' holds " + ValueText(number) +
                         ", not a finite number");
    }
  }
  return floats;
}

}  // namespace moira::format
