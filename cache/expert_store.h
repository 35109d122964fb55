#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cache/device/device.h"
#include "cache/device/fault_plan.h"
#include "cache/format/model_file.h"
#include "cache/record_index.h"

namespace moira::cache {

// The cold tiers: a host arena that holds as many records as it has room for, in layer order, and
// the model's files, where the others are read in place. Immutable once created; thread-safe.
class ExpertStore {
 public:
  // Loads the arena. `index`, `files` and `faults` (may be null) must outlive the store; `progress`
  // hears bytes done and bytes in all, and stops with kCancelled by returning false.
  static Result<std::unique_ptr<ExpertStore>> Create(
      const RecordIndex& index, std::span<const format::ModelFile> files, Device& device,
      uint64_t arena_bytes, FaultPlan* faults,
      const std::function<bool(uint64_t done, uint64_t total)>& progress);

  // The record's bytes in the arena, kRecordAlignment-aligned; null if it is only in the file.
  const std::byte* ArenaRecord(RecordId record) const;
  size_t arena_records() const { return arena_records_; }

  // Reads bytes [offset, offset + destination.size()) of the record from its file. Bytes between
  // the parts are left as they are.
  Status ReadFile(RecordId record, uint64_t offset, std::span<std::byte> destination) const;

 private:
  ExpertStore(const RecordIndex& index, std::span<const format::ModelFile> files,
              FaultPlan* faults);
  Status LoadArena(const std::function<bool(uint64_t done, uint64_t total)>& progress);

  const RecordIndex& index_;
  std::span<const format::ModelFile> files_;
  FaultPlan* faults_;
  Buffer arena_;
  size_t arena_records_ = 0;             // the first ones
  std::vector<uint64_t> arena_offsets_;  // of those, and of the end
};

}  // namespace moira::cache
