#include "cache/format/tensor_type.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace moira::format {
namespace {

TEST(TensorType, IdsAreInTheTableOnceAndInOrder) {
  std::set<std::string> names;
  for (uint32_t id = 0; id < 100; ++id) {
    const TensorTypeInfo* info = FindTensorType(id);
    if (info == nullptr) continue;
    EXPECT_EQ(static_cast<uint32_t>(info->type), id);
    EXPECT_TRUE(names.insert(std::string(info->name)).second) << info->name;
    EXPECT_GT(info->block_elements, 0u);
    EXPECT_GT(info->block_bytes, 0u);
    EXPECT_EQ(&GetTensorType(info->type), info);
  }
  EXPECT_EQ(FindTensorType(4), nullptr);   // removed from the format
  EXPECT_EQ(FindTensorType(31), nullptr);  // removed from the format
  EXPECT_EQ(FindTensorType(std::numeric_limits<uint32_t>::max()), nullptr);
}

// Bits per weight as the ggml project publishes them, an independent check of the block sizes.
TEST(TensorType, BlocksHaveThePublishedBitsPerWeight) {
  const std::pair<TensorType, double> published[] = {
      {TensorType::kF32, 32},      {TensorType::kF16, 16},     {TensorType::kBF16, 16},
      {TensorType::kQ4_0, 4.5},    {TensorType::kQ4_1, 5},     {TensorType::kQ5_0, 5.5},
      {TensorType::kQ5_1, 6},      {TensorType::kQ8_0, 8.5},   {TensorType::kQ2_K, 2.625},
      {TensorType::kQ3_K, 3.4375}, {TensorType::kQ4_K, 4.5},   {TensorType::kQ5_K, 5.5},
      {TensorType::kQ6_K, 6.5625}, {TensorType::kIQ4_NL, 4.5}, {TensorType::kIQ4_XS, 4.25},
      {TensorType::kMXFP4, 4.25}};
  for (const auto& [type, bits] : published) {
    const TensorTypeInfo& info = GetTensorType(type);
    EXPECT_EQ(8.0 * info.block_bytes / info.block_elements, bits) << info.name;
    EXPECT_TRUE(info.computable) << info.name;
  }
}

TEST(TensorType, RowsAreWholeBlocks) {
  EXPECT_EQ(RowBytes(TensorType::kQ4_K, 512), 288u);
  EXPECT_EQ(RowBytes(TensorType::kQ4_K, 511), std::nullopt);
  EXPECT_EQ(RowBytes(TensorType::kF32, 3), 12u);
  EXPECT_EQ(RowBytes(TensorType::kF32, uint64_t{1} << 62), std::nullopt);
}

}  // namespace
}  // namespace moira::format
