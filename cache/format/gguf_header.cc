#include "cache/format/gguf_header.h"

#include <array>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "cache/device/checked.h"
#include "cache/format/header_reader.h"
#include "cache/format/limits.h"
#include "cache/format/metadata_reader.h"
#include "cache/format/tensor_index.h"

namespace moira::format {
namespace {

constexpr std::array<char, 4> kMagic = {'G', 'G', 'U', 'F'};

Status CheckVersion(uint32_t version) {
  if (version >= kMinGgufVersion && version <= kMaxGgufVersion) return Status();
  std::string supported = "; supported are " + std::to_string(kMinGgufVersion) + " to " +
                          std::to_string(kMaxGgufVersion) + ", little-endian";
  uint32_t swapped = __builtin_bswap32(version);
  if (swapped >= 1 && swapped <= kMaxGgufVersion) {
    return Unsupported("version " + std::to_string(swapped) + " in big-endian byte order" +
                       supported);
  }
  return Unsupported("version " + std::to_string(version) + supported);
}

Result<uint64_t> ReadAlignment(const Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> alignment,
                         metadata.Unsigned("general.alignment", kMinAlignment, kMaxAlignment));
  if (!alignment) return kDefaultAlignment;
  if (!std::has_single_bit(*alignment)) {
    return InvalidData("key 'general.alignment' is " + std::to_string(*alignment) +
                       ", not a power of two");
  }
  return *alignment;
}

Result<GgufHeader> ReadHeader(const ModelFile& file) {
  HeaderReader reader(file);
  std::array<char, 4> magic;
  GgufHeader header;
  uint64_t tensor_count = 0;
  uint64_t metadata_count = 0;
  MOIRA_RETURN_IF_ERROR(InContext("magic", reader.Read(magic)));
  if (magic != kMagic) return InvalidData("magic: not a GGUF file, it does not begin with 'GGUF'");
  MOIRA_RETURN_IF_ERROR(InContext("version", reader.Read(header.version)));
  MOIRA_RETURN_IF_ERROR(CheckVersion(header.version));
  MOIRA_RETURN_IF_ERROR(InContext("tensor count", reader.Read(tensor_count)));
  MOIRA_RETURN_IF_ERROR(InContext("metadata count", reader.Read(metadata_count)));
  if (tensor_count > kMaxTensors) {
    return InvalidData("tensor count " + std::to_string(tensor_count) + " exceeds " +
                       std::to_string(kMaxTensors));
  }
  MOIRA_ASSIGN_OR_RETURN(header.metadata, ReadMetadata(reader, metadata_count));
  MOIRA_ASSIGN_OR_RETURN(uint64_t alignment, ReadAlignment(header.metadata));
  MOIRA_ASSIGN_OR_RETURN(header.tensors, ReadTensorEntries(reader, tensor_count));
  // Cannot wrap: a position in a file plus an alignment of at most kMaxAlignment.
  uint64_t data_start = *CheckedAlignUp(reader.position(), alignment);
  MOIRA_RETURN_IF_ERROR(PlaceTensors(data_start, alignment, file.size(), header.tensors));
  return header;
}

}  // namespace

Result<GgufHeader> ReadGgufHeader(const ModelFile& file) {
  Result<GgufHeader> header = ReadHeader(file);
  if (!header.ok()) return InContext(file.path(), header.status());
  return header;
}

}  // namespace moira::format
