#include "cache/format/split_set.h"

#include <charconv>
#include <cstdio>
#include <string_view>

#include "cache/format/limits.h"

namespace moira::format {
namespace {

constexpr std::string_view kNumberKey = "split.no";
constexpr std::string_view kCountKey = "split.count";
constexpr std::string_view kTensorCountKey = "split.tensors.count";
constexpr std::string_view kOf = "-of-";
constexpr std::string_view kExtension = ".gguf";
constexpr size_t kDigits = 5;

std::optional<uint64_t> ParseDigits(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string FiveDigits(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "%05llu", static_cast<unsigned long long>(value));
  return text;
}

// `value` of `key` must be `expected`.
Status ExpectEqual(std::string_view key, std::optional<uint64_t> value, uint64_t expected) {
  if (value == expected) return Status();
  return InvalidData("key '" + std::string(key) + "' is " +
                     (value ? std::to_string(*value) : "missing") + ", expected " +
                     std::to_string(expected));
}

// What tells the model apart must not change from file to file; that later files repeat it at all
// is not required.
bool IsSharedKey(std::string_view key) {
  return key == "general.architecture" || key.starts_with("tokenizer.");
}

}  // namespace

std::string SplitName::PathOf(uint64_t other_number) const {
  return prefix + "-" + FiveDigits(other_number) + std::string(kOf) + FiveDigits(count) +
         std::string(kExtension);
}

std::optional<SplitName> ParseSplitName(const std::string& path) {
  constexpr size_t kSuffixBytes = 1 + kDigits + kOf.size() + kDigits + kExtension.size();
  if (path.size() < kSuffixBytes) return std::nullopt;
  std::string_view suffix = std::string_view(path).substr(path.size() - kSuffixBytes);
  if (suffix[0] != '-' || suffix.substr(1 + kDigits, kOf.size()) != kOf ||
      !suffix.ends_with(kExtension)) {
    return std::nullopt;
  }
  std::optional<uint64_t> number = ParseDigits(suffix.substr(1, kDigits));
  std::optional<uint64_t> count = ParseDigits(suffix.substr(1 + kDigits + kOf.size(), kDigits));
  if (!number || !count || *number < 1 || *number > *count) return std::nullopt;
  return SplitName{path.substr(0, path.size() - kSuffixBytes), *number, *count};
}

Result<uint64_t> CountSplitFiles(const std::string& path, const GgufHeader& header) {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> count,
                         header.metadata.Unsigned(kCountKey, 0, kMaxSplitFiles));
  if (!count || *count <= 1) return 1;
  std::optional<SplitName> name = ParseSplitName(path);
  if (!name) {
    return InvalidData("key '" + std::string(kCountKey) + "' is " + std::to_string(*count) +
                       ", but the name does not end in -NNNNN-of-" + FiveDigits(*count) +
                       std::string(kExtension));
  }
  MOIRA_RETURN_IF_ERROR(ExpectEqual(kCountKey, count, name->count));
  return *count;
}

Status CheckSplitFile(const GgufHeader& first, const GgufHeader& header, uint64_t index,
                      uint64_t count) {
  const Metadata& metadata = header.metadata;
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> number,
                         metadata.Unsigned(kNumberKey, 0, kMaxSplitFiles));
  MOIRA_RETURN_IF_ERROR(ExpectEqual(kNumberKey, number, index));
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> files,
                         metadata.Unsigned(kCountKey, 0, kMaxSplitFiles));
  MOIRA_RETURN_IF_ERROR(ExpectEqual(kCountKey, files, count));
  for (const auto& [key, value] : metadata.entries()) {
    if (key != kTensorCountKey && !IsSharedKey(key)) continue;
    auto same = first.metadata.entries().find(key);
    if (same == first.metadata.entries().end() || same->second != value) {
      return InvalidData("key '" + key + "' differs from the first file of the set");
    }
  }
  return Status();
}

Status CheckSplitTensorCount(const GgufHeader& first, uint64_t tensors) {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> stated,
                         first.metadata.Unsigned(kTensorCountKey, 0, kMaxTensors));
  return stated ? ExpectEqual(kTensorCountKey, stated, tensors) : Status();
}

}  // namespace moira::format
