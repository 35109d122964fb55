#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cache/device/buffer.h"
#include "cache/device/status.h"

namespace moira {

// What a device can do, as data: code asks these, never "is it CUDA?".
struct DeviceCapabilities {
  std::string name;              // for people: "cpu", "emulated (link 12.0 GB/s)", …
  bool host_addressable = true;  // the host may read and write device memory through its address
  bool unified = true;           // device memory *is* host memory: a file is read straight into it
  uint64_t memory_bytes = 0;     // how much memory the device has in all
};

// A copy that was queued. Tickets of one stream complete in the order in which they were given.
using CopyTicket = uint64_t;

// A queue of copies to the device that runs beside the caller. Thread-safe.
class CopyStream {
 public:
  virtual ~CopyStream() = default;

  // Queues host -> device. `source` and `destination` must stay valid until the ticket is done.
  virtual CopyTicket CopyToDevice(std::byte* destination, const std::byte* source,
                                  size_t bytes) = 0;
  // Blocks until the copy has finished; its error if it failed (the destination is then undefined).
  virtual Status Wait(CopyTicket ticket) = 0;
};

// Memory, copies and capabilities of what computes. Thread-safe. Adapters: HostDevice (CPU, unified
// or emulated), later CudaDevice.
class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceCapabilities& capabilities() const = 0;
  // Device memory, 4 KiB aligned. kResourceExhausted with the size when there is not enough.
  virtual Result<Buffer> Allocate(size_t bytes) = 0;
  // Host memory that copies to the device run fastest from (pinned on a card), 4 KiB aligned.
  virtual Result<Buffer> AllocateHost(size_t bytes) = 0;
  virtual Result<std::unique_ptr<CopyStream>> CreateCopyStream() = 0;
};

}  // namespace moira
