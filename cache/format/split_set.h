#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/gguf_header.h"

namespace moira::format {

// A name of the form `PREFIX-00002-of-00005.gguf`.
struct SplitName {
  std::string prefix;  // with the folder
  uint64_t number;     // from 1
  uint64_t count;

  std::string PathOf(uint64_t other_number) const;
};
// Nothing for a path of another form.
std::optional<SplitName> ParseSplitName(const std::string& path);

// How many files a header's set has: 1 for a file that is no part of one. kInvalidData when the
// `split.*` keys do not fit the file's name.
Result<uint64_t> CountSplitFiles(const std::string& path, const GgufHeader& header);

// Checks file `index` (from 0) of a set against its place in the set and against the first file,
// which alone carries the full metadata.
Status CheckSplitFile(const GgufHeader& first, const GgufHeader& header, uint64_t index,
                      uint64_t count);
// Checks `split.tensors.count`, where the first file has it, against the tensors of all files.
Status CheckSplitTensorCount(const GgufHeader& first, uint64_t tensors);

}  // namespace moira::format
