#pragma once

#include <cstdint>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/gguf.h"
#include "cache/format/model_file.h"

namespace moira::format {

// What one GGUF file says of itself, checked by itself; the offsets of the tensors are absolute.
struct GgufHeader {
  uint32_t version = 0;
  Metadata metadata;
  std::vector<TensorInfo> tensors;
};

// Errors begin with the file's path.
Result<GgufHeader> ReadGgufHeader(const ModelFile& file);

}  // namespace moira::format
