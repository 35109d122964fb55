#include "cache/expert_store.h"

#include <algorithm>

#include "cache/parallel_load.h"

namespace moira::cache {

ExpertStore::ExpertStore(const RecordIndex& index, std::span<const format::ModelFile> files,
                         FaultPlan* faults)
    : index_(index), files_(files), faults_(faults) {}

Result<std::unique_ptr<ExpertStore>> ExpertStore::Create(
    const RecordIndex& index, std::span<const format::ModelFile> files, Device& device,
    uint64_t arena_bytes, FaultPlan* faults,
    const std::function<bool(uint64_t done, uint64_t total)>& progress) {
  std::unique_ptr<ExpertStore> store(new ExpertStore(index, files, faults));
  store->arena_offsets_.push_back(0);
  while (store->arena_records_ < index.records()) {
    const auto record = static_cast<RecordId>(store->arena_records_);
    const uint64_t bytes = index.slot_bytes(index.layout_class(record));
    if (bytes > arena_bytes - store->arena_offsets_.back()) break;
    store->arena_offsets_.push_back(store->arena_offsets_.back() + bytes);
    ++store->arena_records_;
  }
  if (store->arena_records_ > 0) {
    MOIRA_ASSIGN_OR_RETURN(store->arena_, device.AllocateHost(store->arena_offsets_.back()));
    MOIRA_RETURN_IF_ERROR(store->LoadArena(progress));
  }
  return store;
}

Status ExpertStore::LoadArena(const std::function<bool(uint64_t done, uint64_t total)>& progress) {
  const uint64_t total = arena_offsets_.back();
  return LoadInParallel(
      arena_records_,
      [&](size_t item, unsigned) {
        const auto record = static_cast<RecordId>(item);
        return ReadFile(record, 0,
                        {arena_.data() + arena_offsets_[item], index_.record_bytes(record)});
      },
      // Records are taken in order, so this many are done, or about.
      [&](size_t done) { return !progress || progress(arena_offsets_[done], total); });
}

const std::byte* ExpertStore::ArenaRecord(RecordId record) const {
  if (record >= arena_records_) return nullptr;
  return arena_.data() + arena_offsets_[record];
}

Status ExpertStore::ReadFile(RecordId record, uint64_t offset,
                             std::span<std::byte> destination) const {
  const uint64_t expert = index_.key(record).expert;
  const uint64_t end = offset + destination.size();
  for (const RecordPart& part : index_.layer(index_.ordinal(record)).parts) {
    const uint64_t first = std::max(offset, part.record_offset);
    const uint64_t last = std::min(end, part.record_offset + part.bytes);
    if (first >= last) continue;
    const uint64_t file_offset = part.offset + expert * part.stride + (first - part.record_offset);
    MOIRA_RETURN_IF_ERROR(files_[part.file].ReadAt(
        file_offset, destination.subspan(first - offset, last - first), faults_));
  }
  return {};
}

}  // namespace moira::cache
