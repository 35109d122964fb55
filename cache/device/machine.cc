#include "cache/device/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <set>
#include <vector>

#include "cache/device/thread_pool.h"

namespace moira {
namespace {

std::optional<std::string> ReadFirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Folders of this process's cgroup (version 2) and of all above it: a limit at any level binds.
std::vector<std::string> CgroupFolders() {
  constexpr std::string_view kRoot = "/sys/fs/cgroup";
  std::vector<std::string> folders;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) continue;
    std::string path = line.substr(3);
    while (path.size() > 1) {
      folders.push_back(std::string(kRoot) + path);
      path.resize(std::max<size_t>(path.rfind('/'), 1));
    }
  }
  // Inside a container the root of the mount is the container's own group.
  folders.emplace_back(kRoot);
  return folders;
}

std::vector<unsigned> AllowedCpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  return cpus;
}

}  // namespace

uint64_t PhysicalMemoryBytes() {
  long pages = sysconf(_SC_PHYS_PAGES);
  long page_bytes = sysconf(_SC_PAGESIZE);
  uint64_t bytes = pages > 0 && page_bytes > 0
                       ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                       : std::numeric_limits<uint64_t>::max();
  for (const std::string& folder : CgroupFolders()) {
    std::optional<std::string> line = ReadFirstLine(folder + "/memory.max");
    std::optional<uint64_t> limit = line ? ParseNumber<uint64_t>(*line) : std::nullopt;
    if (limit && *limit > 0) bytes = std::min(bytes, *limit);
  }
  return bytes;
}

std::optional<unsigned> CgroupCpuLimit(std::string_view cpu_max) {
  size_t space = cpu_max.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::optional<uint64_t> quota = ParseNumber<uint64_t>(cpu_max.substr(0, space));
  std::optional<uint64_t> period = ParseNumber<uint64_t>(cpu_max.substr(space + 1));
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  uint64_t cpus = (*quota - 1) / *period + 1;
  return static_cast<unsigned>(std::min<uint64_t>(cpus, std::numeric_limits<unsigned>::max()));
}

unsigned CountPhysicalCores(const std::string& cpu_root, std::span<const unsigned> cpus) {
  std::set<std::string> cores;
  for (unsigned cpu : cpus) {
    std::string name = "cpu" + std::to_string(cpu);
    // The list of hardware threads of a core is the same text for each of them.
    std::string path = cpu_root;
    path.append("/").append(name).append("/topology/thread_siblings_list");
    std::optional<std::string> siblings = ReadFirstLine(path);
    cores.insert(siblings ? *siblings : name);
  }
  return static_cast<unsigned>(cores.size());
}

unsigned DefaultThreadCount() {
  unsigned count = CountPhysicalCores("/sys/devices/system/cpu", AllowedCpus());
  for (const std::string& folder : CgroupFolders()) {
    std::optional<std::string> line = ReadFirstLine(folder + "/cpu.max");
    std::optional<unsigned> limit = line ? CgroupCpuLimit(*line) : std::nullopt;
    if (limit) count = std::min(count, *limit);
  }
  return std::max(count, 1u);
}

}  // namespace moira
