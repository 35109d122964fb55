#include "cache/device/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "cache/device/machine.h"

namespace moira {
namespace {

int frees = 0;
void CountFree(void*, size_t) { ++frees; }

TEST(Buffer, FreesOnce) {
  frees = 0;
  std::byte storage[2];
  {
    Buffer first(&storage[0], 1, CountFree);
    Buffer second(&storage[1], 1, CountFree);
    Buffer moved(std::move(first));
    EXPECT_EQ(frees, 0);
    EXPECT_EQ(first.data(), nullptr);
    EXPECT_EQ(first.size(), 0u);
    EXPECT_EQ(moved.data(), &storage[0]);
    second = std::move(moved);
    EXPECT_EQ(frees, 1);
    EXPECT_EQ(second.data(), &storage[0]);
  }
  EXPECT_EQ(frees, 2);
}

// Sizes on both sides of the border between heap and own mapping.
TEST(AllocateAligned, GivesWritableMemoryAtTheAlignment) {
  for (size_t alignment : {size_t{1}, size_t{64}, size_t{4096}, size_t{4} << 20}) {
    for (size_t bytes :
         {size_t{1}, size_t{4095}, (size_t{2} << 20) - 1, size_t{2} << 20, (size_t{5} << 20) + 1}) {
      Result<Buffer> buffer = AllocateAligned(bytes, alignment);
      ASSERT_TRUE(buffer.ok()) << buffer.status().message();
      EXPECT_EQ(buffer->size(), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % alignment, 0u);
      std::memset(buffer->data(), 0x5A, bytes);
      EXPECT_EQ(buffer->span().back(), std::byte{0x5A});
    }
  }
}

TEST(AllocateAligned, NothingIsAnEmptyBuffer) {
  Result<Buffer> buffer = AllocateAligned(0, 64);
  ASSERT_TRUE(buffer.ok());
  EXPECT_EQ(buffer->size(), 0u);
}

TEST(AllocateAligned, RefusesWhatTheMachineDoesNotHave) {
  uint64_t memory = PhysicalMemoryBytes();
  for (size_t bytes : {static_cast<size_t>(memory + 1), SIZE_MAX, SIZE_MAX - 4096}) {
    Result<Buffer> buffer = AllocateAligned(bytes, 4096);
    EXPECT_EQ(buffer.status().code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(buffer.status().message(), "cannot allocate " + std::to_string(bytes) +
                                             " bytes: the machine has " + std::to_string(memory));
  }
}

TEST(AllocateAligned, RefusesAnAlignmentThatIsNoPowerOfTwo) {
  for (size_t alignment : {0, 3, 96}) {
    EXPECT_EQ(AllocateAligned(10, alignment).status().code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace moira
