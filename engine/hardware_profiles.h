#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cache/device/status.h"
#include "engine/speed_model.h"

namespace moira::engine {

// Share of a card's datasheet bandwidth that quantized matrix-vector kernels reach, and the time
// per token beside them: the middle of what published engines show (65 to 75 %; 2.5 to 6 ms).
inline constexpr double kCardEfficiency = 0.7;
inline constexpr double kCardOverhead = 3e-3;

// A machine to plan for that is not at hand.
struct HardwareProfile {
  std::string_view name;  // "rtx-3060-12gb"
  std::string_view title;
  bool unified;  // device and host are one memory, and the cold tier is the file
  uint64_t device_memory;
  MachineRates rates;
  std::string_view source;  // where the figures come from
};

std::span<const HardwareProfile> HardwareProfiles();
// kInvalidArgument with the HardwareNames() of engine/engine.h.
Result<HardwareProfile> FindHardware(std::string_view name);

}  // namespace moira::engine
