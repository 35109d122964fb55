#include "prefetch/record_mover.h"

#include <algorithm>
#include <vector>

namespace moira::prefetch {
namespace {

class FileMover : public RecordMover {
 public:
  explicit FileMover(const cache::ExpertStore& store) : store_(store) {}

  Status Move(cache::RecordId record, uint64_t offset, uint64_t bytes, std::byte* slot,
              unsigned) override {
    return store_.ReadFile(record, offset, {slot + offset, bytes});
  }

 private:
  const cache::ExpertStore& store_;
};

class LinkMover : public RecordMover {
 public:
  LinkMover(const cache::ExpertStore& store, std::unique_ptr<CopyStream> stream,
            std::vector<Buffer> staging)
      : store_(store), stream_(std::move(stream)), staging_(std::move(staging)) {}

  Status Move(cache::RecordId record, uint64_t offset, uint64_t bytes, std::byte* slot,
              unsigned lane) override {
    const std::byte* source = store_.ArenaRecord(record);
    if (source != nullptr) {
      source += offset;
    } else {
      source = staging_[lane].data();
      MOIRA_RETURN_IF_ERROR(store_.ReadFile(record, offset, {staging_[lane].data(), bytes}));
    }
    return stream_->Wait(stream_->CopyToDevice(slot + offset, source, bytes));
  }

 private:
  const cache::ExpertStore& store_;
  std::unique_ptr<CopyStream> stream_;  // one for all lanes: the link is one
  std::vector<Buffer> staging_;         // by lane, each for the largest record; none if unneeded
};

}  // namespace

Result<std::unique_ptr<RecordMover>> CreateRecordMover(const cache::RecordIndex& index,
                                                       const cache::ExpertStore& store,
                                                       Device& device, unsigned lanes) {
  if (device.capabilities().unified) {
    return std::unique_ptr<RecordMover>(std::make_unique<FileMover>(store));
  }
  uint64_t largest = 0;
  for (uint32_t i = 0; i < index.classes(); ++i) largest = std::max(largest, index.slot_bytes(i));
  std::vector<Buffer> staging;
  for (unsigned lane = 0; lane < lanes && store.arena_records() < index.records(); ++lane) {
    MOIRA_ASSIGN_OR_RETURN(Buffer buffer, device.AllocateHost(largest));
    staging.push_back(std::move(buffer));
  }
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<CopyStream> stream, device.CreateCopyStream());
  return std::unique_ptr<RecordMover>(
      std::make_unique<LinkMover>(store, std::move(stream), std::move(staging)));
}

}  // namespace moira::prefetch
