#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace moira::format {

// Element types with the ids that GGUF gives them (gguf.md and ggml.h of the ggml project). All
// that quant computes with; the table in tensor_type.cc also knows the sizes of the others.
enum class TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
  kMXFP4 = 39,
};

// How a type is laid out: rows are whole blocks, a block holds `block_elements` values in
// `block_bytes` bytes. What the bits mean is quant's knowledge.
struct TensorTypeInfo {
  TensorType type;
  std::string_view name;  // "Q4_K"
  uint32_t block_elements;
  uint32_t block_bytes;
  bool computable;  // quant has kernels for it; the others are known only to be listed by name
};

// Null for an id that is in no table.
const TensorTypeInfo* FindTensorType(uint32_t id);
const TensorTypeInfo& GetTensorType(TensorType type);
// Bytes of a row of `elements` values; nothing if that is no whole number of blocks or overflows.
std::optional<uint64_t> RowBytes(TensorType type, uint64_t elements);

}  // namespace moira::format
