#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cache/device/status.h"
#include "cache/expert_record.h"
#include "cache/format/model_file.h"

namespace moira::cache {

// Number of a record: dense, in the order of layers, then experts, so that tables can be arrays.
using RecordId = uint32_t;

// All expert records of a model, numbered and checked: every part lies inside its file and inside
// its record, layers ascend, a layout class has one record size. Const and thread-safe.
class RecordIndex {
 public:
  // kInvalidData naming the layer, the field, its value and its bound.
  static Result<RecordIndex> Create(std::vector<LayerRecords> layers,
                                    std::span<const format::ModelFile> files);

  size_t layers() const { return layers_.size(); }
  size_t records() const { return ordinals_.size(); }
  size_t classes() const { return slot_bytes_.size(); }

  // MoE layers are also counted without gaps, by their ordinal.
  const LayerRecords& layer(size_t ordinal) const { return layers_[ordinal]; }
  std::span<const LayerRecords> all_layers() const { return layers_; }
  std::optional<size_t> FindOrdinal(uint32_t layer) const;
  RecordId first_record(size_t ordinal) const { return first_records_[ordinal]; }

  size_t ordinal(RecordId record) const { return ordinals_[record]; }
  ExpertKey key(RecordId record) const {
    const size_t at = ordinals_[record];
    return {layers_[at].layer, record - first_records_[at]};
  }
  uint32_t layout_class(RecordId record) const { return layers_[ordinals_[record]].layout_class; }
  uint64_t record_bytes(RecordId record) const { return layers_[ordinals_[record]].record_bytes; }
  // Record size of a class, padded to kRecordAlignment.
  uint64_t slot_bytes(uint32_t layout_class) const { return slot_bytes_[layout_class]; }
  // Padded bytes of all records; checked not to overflow.
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  RecordIndex() = default;

  std::vector<LayerRecords> layers_;
  std::vector<RecordId> first_records_;  // by ordinal
  std::vector<uint32_t> ordinals_;       // by record
  std::vector<uint64_t> slot_bytes_;     // by class
  uint64_t total_bytes_ = 0;
};

}  // namespace moira::cache
