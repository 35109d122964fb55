#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace moira {

// Main memory that this process may fill: the machine's, or the memory limit of its cgroup where
// that is lower. Never 0.
uint64_t PhysicalMemoryBytes();

// The parts of DefaultThreadCount, apart so that they can be tested on written data.

// CPUs of time that a cgroup v2 `cpu.max` line grants, rounded up; nothing for "max" (no limit) and
// for text that is not of that form.
std::optional<unsigned> CgroupCpuLimit(std::string_view cpu_max);
// How many different physical cores `cpus` lie on. `cpu_root` is /sys/devices/system/cpu or a copy
// of it; a CPU whose topology is not told (virtual machines) counts as a core.
unsigned CountPhysicalCores(const std::string& cpu_root, std::span<const unsigned> cpus);

}  // namespace moira
