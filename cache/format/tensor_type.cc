#include "cache/format/tensor_type.h"

#include <cassert>

#include "cache/device/checked.h"

namespace moira::format {
namespace {

// id, name, values per block, bytes per block, computable. From ggml-common.h of the ggml project.
constexpr TensorTypeInfo kTable[] = {
    {TensorType::kF32, "F32", 1, 4, true},
    {TensorType::kF16, "F16", 1, 2, true},
    {TensorType::kQ4_0, "Q4_0", 32, 18, true},
    {TensorType::kQ4_1, "Q4_1", 32, 20, true},
    {TensorType::kQ5_0, "Q5_0", 32, 22, true},
    {TensorType::kQ5_1, "Q5_1", 32, 24, true},
    {TensorType::kQ8_0, "Q8_0", 32, 34, true},
    {static_cast<TensorType>(9), "Q8_1", 32, 36, false},
    {TensorType::kQ2_K, "Q2_K", 256, 84, true},
    {TensorType::kQ3_K, "Q3_K", 256, 110, true},
    {TensorType::kQ4_K, "Q4_K", 256, 144, true},
    {TensorType::kQ5_K, "Q5_K", 256, 176, true},
    {TensorType::kQ6_K, "Q6_K", 256, 210, true},
    {static_cast<TensorType>(15), "Q8_K", 256, 292, false},
    {static_cast<TensorType>(16), "IQ2_XXS", 256, 66, false},
    {static_cast<TensorType>(17), "IQ2_XS", 256, 74, false},
    {static_cast<TensorType>(18), "IQ3_XXS", 256, 98, false},
    {static_cast<TensorType>(19), "IQ1_S", 256, 50, false},
    {TensorType::kIQ4_NL, "IQ4_NL", 32, 18, true},
    {static_cast<TensorType>(21), "IQ3_S", 256, 110, false},
    {static_cast<TensorType>(22), "IQ2_S", 256, 82, false},
    {TensorType::kIQ4_XS, "IQ4_XS", 256, 136, true},
    {static_cast<TensorType>(24), "I8", 1, 1, false},
    {static_cast<TensorType>(25), "I16", 1, 2, false},
    {static_cast<TensorType>(26), "I32", 1, 4, false},
    {static_cast<TensorType>(27), "I64", 1, 8, false},
    {static_cast<TensorType>(28), "F64", 1, 8, false},
    {static_cast<TensorType>(29), "IQ1_M", 256, 56, false},
    {TensorType::kBF16, "BF16", 1, 2, true},
    {static_cast<TensorType>(34), "TQ1_0", 256, 54, false},
    {static_cast<TensorType>(35), "TQ2_0", 256, 66, false},
    {TensorType::kMXFP4, "MXFP4", 32, 17, true},
    {static_cast<TensorType>(40), "NVFP4", 64, 36, false},
};

}  // namespace

const TensorTypeInfo* FindTensorType(uint32_t id) {
  for (const TensorTypeInfo& info : kTable) {
    if (static_cast<uint32_t>(info.type) == id) return &info;
  }
  return nullptr;
}

const TensorTypeInfo& GetTensorType(TensorType type) {
  const TensorTypeInfo* info = FindTensorType(static_cast<uint32_t>(type));
  assert(info != nullptr);
  return *info;
}

std::optional<uint64_t> RowBytes(TensorType type, uint64_t elements) {
  const TensorTypeInfo& info = GetTensorType(type);
  if (elements % info.block_elements != 0) return std::nullopt;
  return CheckedMul<uint64_t>(elements / info.block_elements, info.block_bytes);
}

}  // namespace moira::format
