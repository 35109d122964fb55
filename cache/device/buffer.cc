#include "cache/device/buffer.h"

#include <sys/mman.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "cache/device/checked.h"
#include "cache/device/machine.h"

namespace moira {
namespace {

// From here on a buffer gets a mapping of its own, which huge pages can back and which goes back to
// the system when freed. The size of a huge page on x86-64 and on ARM with 4 KiB pages.
constexpr size_t kHugePageBytes = size_t{2} << 20;

std::optional<size_t> MappedBytes(size_t bytes) { return CheckedAlignUp(bytes, kHugePageBytes); }

void FreeHeap(void* data, size_t) { std::free(data); }

void FreeMapping(void* data, size_t bytes) { munmap(data, *MappedBytes(bytes)); }

// Maps `bytes` at a multiple of `alignment` by mapping more and giving the two ends back.
std::byte* MapAligned(size_t bytes, size_t alignment) {
  std::optional<size_t> reserved = CheckedAdd(bytes, alignment);
  if (!reserved) return nullptr;
  void* mapping = mmap(nullptr, *reserved, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  std::byte* start = static_cast<std::byte*>(mapping);
  size_t before = (alignment - reinterpret_cast<uintptr_t>(start) % alignment) % alignment;
  if (before > 0) munmap(start, before);
  if (size_t after = alignment - before; after > 0) munmap(start + before + bytes, after);
  madvise(start + before, bytes, MADV_HUGEPAGE);
  return start + before;
}

}  // namespace

Result<Buffer> AllocateAligned(size_t bytes, size_t alignment) {
  if (!std::has_single_bit(alignment)) {
    return InvalidArgument("alignment of a buffer: " + std::to_string(alignment) +
                           " is not a power of two");
  }
  if (bytes == 0) return Buffer();
  if (uint64_t memory = PhysicalMemoryBytes(); bytes > memory) {
    return ResourceExhausted("cannot allocate " + std::to_string(bytes) +
                             " bytes: the machine has " + std::to_string(memory));
  }
  std::byte* data = nullptr;
  bool mapped = bytes >= kHugePageBytes;
  if (mapped) {
    data = MapAligned(*MappedBytes(bytes), std::max(alignment, kHugePageBytes));
  } else if (void* heap; posix_memalign(&heap, std::max(alignment, sizeof(void*)), bytes) == 0) {
    data = static_cast<std::byte*>(heap);
  }
  if (data == nullptr) {
    return ResourceExhausted("cannot allocate " + std::to_string(bytes) +
                             " bytes: the system has no room for them");
  }
  return Buffer(data, bytes, mapped ? FreeMapping : FreeHeap);
}

}  // namespace moira
