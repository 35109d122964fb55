#include "cache/device/host_device.h"

#include <chrono>
#include <cstdio>
#include <system_error>
#include <thread>

#include "cache/device/host_copy_stream.h"
#include "cache/device/machine.h"

namespace moira {
namespace {

// The size of a page, and what O_DIRECT asks of a buffer.
constexpr size_t kBufferAlignment = 4096;

DeviceCapabilities DescribeHost(const std::optional<EmulatedLink>& link) {
  DeviceCapabilities capabilities;
  capabilities.name = "cpu";
  capabilities.memory_bytes = PhysicalMemoryBytes();
  if (link) {
    char name[64];
    std::snprintf(name, sizeof(name), "emulated (link %.1f GB/s)", link->bytes_per_second / 1e9);
    capabilities.name = name;
    capabilities.unified = false;
  }
  return capabilities;
}

// Thread-safe.
class HostDevice : public Device {
 public:
  HostDevice(const std::optional<EmulatedLink>& link, FaultPlan* faults)
      : capabilities_(DescribeHost(link)),
        link_(link ? std::make_shared<LinkSchedule>(*link) : nullptr),
        faults_(faults) {}

  const DeviceCapabilities& capabilities() const override { return capabilities_; }

  Result<Buffer> Allocate(size_t bytes) override {
    FaultPlan::Fault fault;
    if (faults_ != nullptr) fault = faults_->Next(FaultPoint::kAllocate);
    if (fault.kind == FaultKind::kDelay) {
      std::this_thread::sleep_for(std::chrono::duration<double>(fault.delay_seconds));
    }
    if (fault.kind == FaultKind::kError) {
      return ResourceExhausted("cannot allocate " + std::to_string(bytes) +
                               " bytes of device memory (fault plan)");
    }
    return AllocateAligned(bytes, kBufferAlignment);
  }

  Result<Buffer> AllocateHost(size_t bytes) override {
    return AllocateAligned(bytes, kBufferAlignment);
  }

  Result<std::unique_ptr<CopyStream>> CreateCopyStream() override {
    try {
      return std::unique_ptr<CopyStream>(std::make_unique<HostCopyStream>(link_, faults_));
    } catch (const std::system_error& error) {
      return ResourceExhausted(std::string("cannot start a copy stream: ") + error.what());
    }
  }

 private:
  const DeviceCapabilities capabilities_;
  const std::shared_ptr<LinkSchedule> link_;  // null when unified
  FaultPlan* const faults_;
};

}  // namespace

std::unique_ptr<Device> CreateHostDevice(std::optional<EmulatedLink> link, FaultPlan* faults) {
  return std::make_unique<HostDevice>(link, faults);
}

}  // namespace moira
