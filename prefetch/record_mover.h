#pragma once

#include <cstdint>
#include <memory>

#include "cache/device/device.h"
#include "cache/expert_store.h"
#include "cache/record_index.h"

namespace moira::prefetch {

// Brings bytes of records from the cold tiers into slots. Thread-safe, one call per lane at a time:
// a lane owns the scratch memory that a call needs.
class RecordMover {
 public:
  virtual ~RecordMover() = default;

  // Bytes [offset, offset + bytes) of the record, to the same offset of `slot`. Returns when they
  // are there.
  virtual Status Move(cache::RecordId record, uint64_t offset, uint64_t bytes, std::byte* slot,
                      unsigned lane) = 0;
};

// On a unified device the file is read straight into the slot; on others bytes cross the link from
// the arena, or from a staging buffer that the file was read into. All arguments must outlive the
// mover.
Result<std::unique_ptr<RecordMover>> CreateRecordMover(const cache::RecordIndex& index,
                                                       const cache::ExpertStore& store,
                                                       Device& device, unsigned lanes);

}  // namespace moira::prefetch
