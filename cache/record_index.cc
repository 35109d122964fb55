#include "cache/record_index.h"

#include <algorithm>
#include <limits>
#include <string>

#include "cache/device/checked.h"

namespace moira::cache {
namespace {

Status BadLayer(const LayerRecords& layer, const std::string& what) {
  return InvalidData("expert records of layer " + std::to_string(layer.layer) + ": " + what);
}

// End of the last expert's piece in the file; nothing on overflow.
std::optional<uint64_t> PartEnd(const RecordPart& part, uint32_t experts) {
  const auto last = CheckedMul<uint64_t>(part.stride, experts - 1);
  const auto start = last ? CheckedAdd(part.offset, *last) : std::nullopt;
  return start ? CheckedAdd(*start, part.bytes) : std::nullopt;
}

Status CheckPart(const LayerRecords& layer, const RecordPart& part,
                 std::span<const format::ModelFile> files) {
  if (part.file >= files.size()) {
    return BadLayer(
        layer, "part in file " + std::to_string(part.file) + " of " + std::to_string(files.size()));
  }
  const std::optional<uint64_t> file_end = PartEnd(part, layer.experts);
  if (!file_end || *file_end > files[part.file].size()) {
    return BadLayer(layer, "part at offset " + std::to_string(part.offset) + " ends behind " +
                               files[part.file].path() + ", which has " +
                               std::to_string(files[part.file].size()) + " bytes");
  }
  const std::optional<uint64_t> record_end = CheckedAdd(part.record_offset, part.bytes);
  if (!record_end || *record_end > layer.record_bytes) {
    return BadLayer(layer, "part of " + std::to_string(part.bytes) + " bytes at " +
                               std::to_string(part.record_offset) + " leaves the record of " +
                               std::to_string(layer.record_bytes) + " bytes");
  }
  return {};
}

}  // namespace

Result<RecordIndex> RecordIndex::Create(std::vector<LayerRecords> layers,
                                        std::span<const format::ModelFile> files) {
  RecordIndex index;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerRecords& layer = layers[i];
    if (i > 0 && layer.layer <= layers[i - 1].layer) return BadLayer(layer, "layers do not ascend");
    if (layer.experts == 0 || layer.record_bytes == 0) return BadLayer(layer, "no bytes");
    for (const RecordPart& part : layer.parts) {
      MOIRA_RETURN_IF_ERROR(CheckPart(layer, part, files));
    }
    const auto slot_bytes = CheckedAlignUp(layer.record_bytes, kRecordAlignment);
    const auto bytes = slot_bytes ? CheckedMul<uint64_t>(*slot_bytes, layer.experts) : std::nullopt;
    const auto total = bytes ? CheckedAdd(index.total_bytes_, *bytes) : std::nullopt;
    if (!total) return BadLayer(layer, "more bytes than can be addressed");
    index.total_bytes_ = *total;
    if (layer.layout_class > index.slot_bytes_.size()) {
      return BadLayer(layer, "layout class " + std::to_string(layer.layout_class) + " after " +
                                 std::to_string(index.slot_bytes_.size()) + " classes");
    }
    if (layer.layout_class == index.slot_bytes_.size()) index.slot_bytes_.push_back(*slot_bytes);
    if (index.slot_bytes_[layer.layout_class] != *slot_bytes) {
      return BadLayer(layer, "records of " + std::to_string(layer.record_bytes) +
                                 " bytes in layout class " + std::to_string(layer.layout_class) +
                                 ", whose slots have " +
                                 std::to_string(index.slot_bytes_[layer.layout_class]));
    }
    if (layer.experts >= std::numeric_limits<RecordId>::max() - index.ordinals_.size()) {
      return BadLayer(layer, std::to_string(layer.experts) + " experts are too many");
    }
    index.first_records_.push_back(static_cast<RecordId>(index.ordinals_.size()));
    index.ordinals_.insert(index.ordinals_.end(), layer.experts, static_cast<uint32_t>(i));
  }
  index.layers_ = std::move(layers);
  return index;
}

std::optional<size_t> RecordIndex::FindOrdinal(uint32_t layer) const {
  const auto at = std::lower_bound(
      layers_.begin(), layers_.end(), layer,
      [](const LayerRecords& records, uint32_t wanted) { return records.layer < wanted; });
  if (at == layers_.end() || at->layer != layer) return std::nullopt;
  return static_cast<size_t>(at - layers_.begin());
}

}  // namespace moira::cache
