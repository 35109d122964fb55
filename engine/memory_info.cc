#include "engine/memory_info.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace moira::engine {
namespace {

std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// A file that holds one number; nothing if it is absent or says "max".
std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  return ParseUnsigned(word);
}

// The number after `key` in a file of "key value" lines.
std::optional<uint64_t> ReadEntry(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name, value;
    if (words >> name >> value && name == key) return ParseUnsigned(value);
  }
  return std::nullopt;
}

// Where a control group hierarchy keeps its figures.
struct GroupFiles {
  const char* mount;
  const char* limit;
  const char* usage;
  const char* reclaimable;  // key in memory.stat
};
constexpr GroupFiles kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current",
                                  "inactive_file"};
constexpr GroupFiles kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                                  "memory.usage_in_bytes", "total_inactive_file"};

// Lowers `info` to what the group at `directory` allows. File pages that the kernel would give up
// count as free.
void ApplyGroup(const std::string& directory, const GroupFiles& files, MemoryInfo& info) {
  const std::optional<uint64_t> limit = ReadNumber(directory + files.limit);
  if (!limit.has_value()) return;
  info.total = std::min(info.total, *limit);
  const uint64_t usage = ReadNumber(directory + files.usage).value_or(0);
  const uint64_t reclaimable = ReadEntry(directory + "memory.stat", files.reclaimable).value_or(0);
  const uint64_t needed = usage > reclaimable ? usage - reclaimable : 0;
  info.available = std::min(info.available, *limit > needed ? *limit - needed : 0);
}

// A limit may sit at any level above the process's own group.
void ApplyGroupAndParents(const std::string& root, std::string group, const GroupFiles& files,
                          MemoryInfo& info) {
  while (true) {
    ApplyGroup(root + files.mount + group + (group.ends_with('/') ? "" : "/"), files, info);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

}  // namespace

Result<MemoryInfo> ReadMemoryInfo(const std::string& root) {
  constexpr uint64_t kKibibyte = 1024;  // the unit of /proc/meminfo
  const std::string path = root + "/proc/meminfo";
  const std::optional<uint64_t> total = ReadEntry(path, "MemTotal:");
  const std::optional<uint64_t> available = ReadEntry(path, "MemAvailable:");
  if (!total.has_value() || !available.has_value()) {
    return IoError("cannot read MemTotal and MemAvailable of " + path);
  }
  MemoryInfo info{*total * kKibibyte, *available * kKibibyte};

  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;  // "0::/path", or "N:memory:/path" under version 1
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) ApplyGroupAndParents(root, group, kVersion2, info);
    if (controllers == "memory") ApplyGroupAndParents(root, group, kVersion1, info);
  }
  return info;
}

}  // namespace moira::engine
