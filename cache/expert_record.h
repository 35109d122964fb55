#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace moira::cache {

// Names one routed FFN: the block index of the model and the expert's index in that block.
struct ExpertKey {
  uint32_t layer;
  uint32_t expert;
  auto operator<=>(const ExpertKey&) const = default;
};

// A piece of every record of a layer, and where it comes from: expert e's bytes are
// file[offset + e * stride, + bytes) and land at `record_offset` inside the record.
struct RecordPart {
  uint32_t file;
  uint64_t offset;
  uint64_t stride;
  uint64_t bytes;
  uint64_t record_offset;
};

// Slots and arena blocks start at, and are padded to, multiples of this: the page of O_DIRECT
// reads.
inline constexpr uint64_t kRecordAlignment = 4096;

// How the expert records of one MoE layer are put together. Layers whose records have equal shapes
// and types share a layout class (numbered from 0 without gaps), and with it a set of slots.
struct LayerRecords {
  uint32_t layer;
  uint32_t experts;
  uint32_t layout_class;
  uint64_t record_bytes;  // used bytes; slots and arena blocks are padded to 4 KiB
  std::vector<RecordPart> parts;
};

}  // namespace moira::cache
