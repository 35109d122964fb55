#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "cache/device/status.h"

namespace moira {

// Memory of a device (or pinned host memory), owned. Move-only; freed by the deleter that the
// device gave. `data()` may only be dereferenced by the host when the device's capabilities say so.
class Buffer {
 public:
  using Deleter = void (*)(void* data, size_t bytes);

  Buffer() = default;
  Buffer(std::byte* data, size_t bytes, Deleter deleter)
      : data_(data), bytes_(bytes), deleter_(deleter) {}
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer moved(std::move(other));
    Swap(moved);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) deleter_(data_, bytes_);
  }

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return bytes_; }
  std::span<std::byte> span() { return {data_, bytes_}; }
  std::span<const std::byte> span() const { return {data_, bytes_}; }

 private:
  void Swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(deleter_, other.deleter_);
  }

  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  Deleter deleter_ = nullptr;
};

// Host memory whose start is a multiple of `alignment` (a power of two); never touched before use,
// so a buffer that is too large for the machine costs address space, not memory.
// Fails with kResourceExhausted, naming the size.
Result<Buffer> AllocateAligned(size_t bytes, size_t alignment);

}  // namespace moira
