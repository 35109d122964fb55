#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "cache/device/status.h"
#include "cache/format/gguf.h"

namespace moira::engine {

// A tensor's shape as GGUF orders it: columns (fastest), rows, matrices. 1 where there is no such
// dimension.
using TensorShape = std::array<uint64_t, 3>;

// "blk.3.attn_q.weight"
std::string BlockTensorName(uint32_t layer, std::string_view name);

// The tensor of that name, or null where the file has none. kInvalidData if it has another shape,
// kUnsupported if its type cannot be computed with; both name the tensor, what was found and what
// was wanted.
Result<const format::TensorInfo*> FindTensor(const format::Gguf& gguf, const std::string& name,
                                             const TensorShape& shape);
// The same, but kInvalidData where the file has none.
Result<const format::TensorInfo*> RequireTensor(const format::Gguf& gguf, const std::string& name,
                                                const TensorShape& shape);

}  // namespace moira::engine
