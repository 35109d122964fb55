#pragma once

#include <cstdint>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/gguf.h"
#include "cache/format/header_reader.h"

namespace moira::format {

// Reads `count` tensor entries of a GGUF header, each checked by itself: name, dimensions, type,
// size. Offsets are still relative to the tensor data, `file` is 0.
Result<std::vector<TensorInfo>> ReadTensorEntries(HeaderReader& reader, uint64_t count);

// Checks that the tensors fill the data section, which begins at `data_start`, one behind the other
// in any order with nothing but padding between them, and end inside the file. Makes their offsets
// absolute.
Status PlaceTensors(uint64_t data_start, uint64_t alignment, uint64_t file_bytes,
                    std::vector<TensorInfo>& tensors);

}  // namespace moira::format
