#include "engine/planned_machine.h"

#include <cmath>
#include <limits>

#include "engine/hardware_profiles.h"
#include "engine/measure.h"

namespace moira::engine {
namespace {

// Share of the plain read rate that decoding reached here: 87 and 90 % (tests/bench/results).
constexpr double kCpuEfficiency = 0.87;
constexpr uint64_t kDefaultReadBytes = 1 << 20;  // for a dense model, which has no records

Status CheckRate(const char* name, double rate) {
  if (rate == 0 || (rate >= cache::kMinimumRate && rate <= cache::kMaximumRate)) return {};
  return InvalidArgument(std::string(name) + " is " + std::to_string(rate) +
                         " bytes per second, must be between 1 MB/s and 100 TB/s");
}

Status CheckChoice(const EngineOptions& options, const HardwareChoice& hardware) {
  MOIRA_RETURN_IF_ERROR(CheckRate("link", hardware.link_bandwidth));
  MOIRA_RETURN_IF_ERROR(CheckRate("host bandwidth", hardware.host_bandwidth));
  MOIRA_RETURN_IF_ERROR(CheckRate("device bandwidth", hardware.device_bandwidth));
  const bool describes_a_card = hardware.link_bandwidth > 0 || hardware.device_bandwidth > 0;
  if (!hardware.profile.empty() || describes_a_card) {
    if (options.device != DeviceKind::kAutomatic) {
      return InvalidArgument("a device was named and hardware to plan for, too: choose one");
    }
  }
  if (!hardware.profile.empty() || !describes_a_card) return {};
  const char* missing = hardware.link_bandwidth <= 0     ? "link bandwidth"
                        : hardware.device_bandwidth <= 0 ? "device bandwidth"
                        : options.device_memory == 0     ? "device memory"
                                                         : nullptr;
  if (missing == nullptr) return {};
  return InvalidArgument(std::string("the ") + missing +
                         " of the card is missing: give link, device bandwidth and device memory, "
                         "or name hardware that has them");
}

// Memory that nobody has stated: whatever is needed is assumed, and the plan says how much that is.
MemoryInfo UnknownMemory() {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return {kMost, kMost};
}

void ApplyFigures(const HardwareChoice& hardware, PlannedMachine& machine) {
  MachineRates& rates = machine.rates;
  if (hardware.link_bandwidth > 0) rates.link = hardware.link_bandwidth;
  if (hardware.device_bandwidth > 0) rates.device = hardware.device_bandwidth;
  if (hardware.host_bandwidth > 0) {
    // What the link adds to the CPU's rate is the other hardware's, where it is known at all.
    const double added = rates.joint > rates.host ? rates.joint - rates.host : 0;
    rates.host = hardware.host_bandwidth;
    rates.joint = rates.host + added;
  }
}

void ApplyProfile(const HardwareProfile& profile, PlannedMachine& machine) {
  machine.name = profile.title;
  machine.source = profile.source;
  machine.rates = profile.rates;
  if (profile.unified) {
    machine.options.device = DeviceKind::kCpu;
    machine.memory = {{profile.device_memory, profile.device_memory}, std::nullopt};
  } else {
    machine.options.device = DeviceKind::kEmulated;
    machine.memory = {UnknownMemory(), profile.device_memory};
  }
}

// Rates of a device that the CPU plays, from that of plain reads by all threads.
void CompleteRates(double memory_rate, bool unified, const EngineOptions& options,
                   MachineRates& rates) {
  if (rates.host == 0) rates.host = memory_rate;
  if (rates.joint == 0) rates.joint = rates.host;
  if (rates.device == 0) {
    rates.device = rates.host;
    rates.efficiency = kCpuEfficiency;
  }
  if (rates.link == 0) rates.link = unified ? MachineRates::kUnlimited : options.link_bandwidth;
}

}  // namespace

Result<PlannedMachine> ChooseMachine(const EngineOptions& options, const HardwareChoice& hardware) {
  MOIRA_RETURN_IF_ERROR(CheckChoice(options, hardware));
  PlannedMachine machine;
  machine.options = options;
  if (!hardware.profile.empty()) {
    MOIRA_ASSIGN_OR_RETURN(const HardwareProfile profile, FindHardware(hardware.profile));
    ApplyProfile(profile, machine);
    if (profile.unified && hardware.link_bandwidth > 0) {
      return InvalidArgument("a link was given, but " + hardware.profile +
                             " has none: device and host are one memory");
    }
  } else if (hardware.link_bandwidth > 0) {
    machine.name = "a card as described";
    machine.source = "the figures given; what they leave open was measured here";
    machine.options.device = DeviceKind::kEmulated;
    machine.memory = {UnknownMemory(), options.device_memory};
    machine.rates.efficiency = kCardEfficiency;
    machine.rates.overhead_seconds = kCardOverhead;
  } else {
    machine.name = "this machine";
    machine.source = "measured now";
    machine.at_hand = true;
    MOIRA_ASSIGN_OR_RETURN(machine.memory.host, ReadMemoryInfo());
  }
  ApplyFigures(hardware, machine);
  if (!machine.at_hand && machine.options.device == DeviceKind::kEmulated) {
    machine.options.link_bandwidth = machine.rates.link;
  }
  return machine;
}

Status MeasureRates(const OpenedModel& model, PlannedMachine& machine) {
  MachineRates& rates = machine.rates;
  if (rates.file == 0) {
    const uint64_t read_bytes =
        model.experts.empty() ? kDefaultReadBytes : model.experts.front().record_bytes;
    MOIRA_ASSIGN_OR_RETURN(rates.file, MeasureFileRate(model.gguf.files(), read_bytes));
  }
  double memory_rate = 0;
  if (rates.host == 0) {
    const auto threads = MakeThreadPool(machine.options);
    MOIRA_ASSIGN_OR_RETURN(const MemoryInfo memory, ReadMemoryInfo());
    MOIRA_ASSIGN_OR_RETURN(memory_rate, MeasureMemoryRate(*threads, memory.available));
  }
  CompleteRates(memory_rate, machine.options.device != DeviceKind::kEmulated, machine.options,
                rates);
  return {};
}

}  // namespace moira::engine
