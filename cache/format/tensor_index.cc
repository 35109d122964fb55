#include "cache/format/tensor_index.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "cache/device/checked.h"
#include "cache/format/limits.h"
#include "cache/format/metadata_reader.h"

namespace moira::format {
namespace {

// A name of one byte with its length, the dimension count, one dimension, type and offset.
constexpr uint64_t kMinEntryBytes = 8 + 1 + 4 + 8 + 4 + 8;

Status ReadShape(HeaderReader& reader, TensorInfo& tensor) {
  MOIRA_RETURN_IF_ERROR(InContext("dimension count", reader.Read(tensor.dimensions)));
  if (tensor.dimensions < kMinDimensions || tensor.dimensions > kMaxDimensions) {
    return InvalidData("dimension count " + std::to_string(tensor.dimensions) + " is outside " +
                       std::to_string(kMinDimensions) + " to " + std::to_string(kMaxDimensions));
  }
  tensor.shape.fill(1);
  for (uint32_t i = 0; i < tensor.dimensions; ++i) {
    std::string field = "dimension " + std::to_string(i);
    MOIRA_RETURN_IF_ERROR(InContext(field, reader.Read(tensor.shape[i])));
    if (tensor.shape[i] < 1 || tensor.shape[i] > kMaxDimension) {
      return InvalidData(field + ": " + std::to_string(tensor.shape[i]) + " is outside 1 to " +
                         std::to_string(kMaxDimension));
    }
  }
  return Status();
}

Status ReadType(HeaderReader& reader, TensorInfo& tensor) {
  uint32_t id = 0;
  MOIRA_RETURN_IF_ERROR(InContext("type", reader.Read(id)));
  const TensorTypeInfo* info = FindTensorType(id);
  if (info == nullptr) return Unsupported("type " + std::to_string(id) + " is unknown");
  tensor.type = info->type;
  std::optional<uint64_t> bytes = RowBytes(tensor.type, tensor.shape[0]);
  if (!bytes) {
    return InvalidData("dimension 0: " + std::to_string(tensor.shape[0]) +
                       " is no multiple of the block size " + std::to_string(info->block_elements) +
                       " of " + std::string(info->name));
  }
  for (size_t i = 1; bytes && i < tensor.shape.size(); ++i) {
    bytes = CheckedMul(*bytes, tensor.shape[i]);
  }
  if (!bytes) return InvalidData("size: the product of the dimensions exceeds 64 bits");
  tensor.bytes = *bytes;
  return Status();
}

Status ReadTensorEntry(HeaderReader& reader, TensorInfo& tensor) {
  MOIRA_RETURN_IF_ERROR(ReadShape(reader, tensor));
  MOIRA_RETURN_IF_ERROR(ReadType(reader, tensor));
  tensor.file = 0;
  return InContext("offset", reader.Read(tensor.offset));
}

std::string TensorField(const TensorInfo& tensor, std::string_view field) {
  return "tensor '" + tensor.name + "': " + std::string(field) + " " +
         std::to_string(tensor.offset);
}

}  // namespace

Result<std::vector<TensorInfo>> ReadTensorEntries(HeaderReader& reader, uint64_t count) {
  MOIRA_RETURN_IF_ERROR(InContext("tensor count " + std::to_string(count),
                                  reader.ExpectAtLeast(count, kMinEntryBytes)));
  std::vector<TensorInfo> tensors;
  for (uint64_t i = 0; i < count; ++i) {
    TensorInfo tensor{};
    if (Status status = ReadName(reader, tensor.name); !status.ok()) {
      return InContext("name of tensor " + std::to_string(i), status);
    }
    if (Status status = ReadTensorEntry(reader, tensor); !status.ok()) {
      return InContext("tensor '" + tensor.name + "'", status);
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

Status PlaceTensors(uint64_t data_start, uint64_t alignment, uint64_t file_bytes,
                    std::vector<TensorInfo>& tensors) {
  std::vector<size_t> by_offset(tensors.size());
  std::iota(by_offset.begin(), by_offset.end(), size_t{0});
  std::ranges::sort(by_offset, {}, [&](size_t i) { return tensors[i].offset; });
  uint64_t expected = 0;
  for (size_t i : by_offset) {
    TensorInfo& tensor = tensors[i];
    if (tensor.offset % alignment != 0) {
      return InvalidData(TensorField(tensor, "offset") + " is no multiple of the alignment " +
                         std::to_string(alignment));
    }
    if (tensor.offset != expected) {
      return InvalidData(TensorField(tensor, "offset") +
                         (tensor.offset < expected ? " overlaps the tensor before it"
                                                   : " leaves a gap that is no padding") +
                         ", expected " + std::to_string(expected));
    }
    std::optional<uint64_t> start = CheckedAdd(data_start, tensor.offset);
    std::optional<uint64_t> end = start ? CheckedAdd(*start, tensor.bytes) : std::nullopt;
    if (!end || *end > file_bytes) {
      return InvalidData(TensorField(tensor, "offset") + " with " + std::to_string(tensor.bytes) +
                         " bytes ends behind the file's " + std::to_string(file_bytes));
    }
    // Cannot wrap: it is at most the file's size plus an alignment.
    expected = *CheckedAlignUp(tensor.offset + tensor.bytes, alignment);
    tensor.offset = *start;
  }
  return Status();
}

}  // namespace moira::format
