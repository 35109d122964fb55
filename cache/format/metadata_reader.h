#pragma once

#include <cstdint>
#include <string>

#include "cache/device/status.h"
#include "cache/format/gguf.h"
#include "cache/format/header_reader.h"

namespace moira::format {

// Reads `count` key-value pairs of a GGUF header. Memory grows with what was read, not with what
// the file claims.
Result<Metadata> ReadMetadata(HeaderReader& reader, uint64_t count);

// The name of a key or tensor: at most kMaxNameBytes of UTF-8 without control characters.
Status ReadName(HeaderReader& reader, std::string& name);

}  // namespace moira::format
