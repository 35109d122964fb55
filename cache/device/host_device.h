#pragma once

#include <memory>
#include <optional>

#include "cache/device/device.h"
#include "cache/device/fault_plan.h"

namespace moira {

// The host-to-device path that the emulated device pretends to have.
struct EmulatedLink {
  double bytes_per_second = 12e9;  // PCIe 4.0 x8, as measured on laptops
  double latency_seconds = 10e-6;  // per copy
};

// The CPU as the device. Without a link: unified, device memory is host memory and a copy is a
// memcpy. With one: emulated, a separate pool of memory behind a link with that bandwidth and
// latency, so that all offload logic runs on any machine. `faults` may be null; it must outlive the
// device.
std::unique_ptr<Device> CreateHostDevice(std::optional<EmulatedLink> link, FaultPlan* faults);

}  // namespace moira
