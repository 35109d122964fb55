#include "cache/format/tensor_index.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cache/device/checked.h"

namespace moira::format {
namespace {

TensorInfo Tensor(uint64_t offset, uint64_t bytes) {
  TensorInfo tensor{};
  tensor.name = "t" + std::to_string(offset);
  tensor.offset = offset;
  tensor.bytes = bytes;
  return tensor;
}

TEST(PlaceTensors, MakesOffsetsAbsolute) {
  std::vector<TensorInfo> tensors = {Tensor(64, 5), Tensor(0, 33)};
  ASSERT_TRUE(PlaceTensors(1024, 32, 1024 + 69, tensors).ok());
  EXPECT_EQ(tensors[0].offset, 1024u + 64);
  EXPECT_EQ(tensors[1].offset, 1024u);
}

TEST(PlaceTensors, TheLastByteMustBeInTheFile) {
  std::vector<TensorInfo> fits = {Tensor(0, 100)};
  EXPECT_TRUE(PlaceTensors(64, 32, 164, fits).ok());
  std::vector<TensorInfo> too_long = {Tensor(0, 100)};
  EXPECT_FALSE(PlaceTensors(64, 32, 163, too_long).ok());
}

TEST(PlaceTensors, HugeSizesDoNotWrap) {
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  std::vector<TensorInfo> wraps = {Tensor(0, kHuge - 10)};
  EXPECT_FALSE(PlaceTensors(64, 32, 1000, wraps).ok());
  std::vector<TensorInfo> fills = {Tensor(0, kHuge)};
  EXPECT_FALSE(PlaceTensors(0, 32, kHuge - 1, fills).ok());
}

// Random layouts: valid as made, refused after any one offset was moved by one alignment.
TEST(PlaceTensors, AnyMovedTensorIsRefused) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    uint64_t alignment = uint64_t{8} << (random() % 5);
    std::vector<TensorInfo> tensors;
    uint64_t end = 0;
    for (uint64_t count = 1 + random() % 8; count > 0; --count) {
      tensors.push_back(Tensor(end, 1 + random() % 300));
      end = *CheckedAlignUp(end + tensors.back().bytes, alignment);
    }
    std::shuffle(tensors.begin(), tensors.end(), random);
    std::vector<TensorInfo> valid = tensors;
    ASSERT_TRUE(PlaceTensors(4096, alignment, 4096 + end, valid).ok());
    std::vector<TensorInfo> moved = tensors;
    TensorInfo& victim = moved[random() % moved.size()];
    bool back = victim.offset > 0 && random() % 2 == 0;
    victim.offset += back ? -alignment : alignment;
    ASSERT_FALSE(PlaceTensors(4096, alignment, 4096 + end + alignment, moved).ok());
  }
}

}  // namespace
}  // namespace moira::format
