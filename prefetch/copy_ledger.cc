#include "prefetch/copy_ledger.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace moira::prefetch {

using cache::RecordId;
using cache::SlotId;
using cache::SlotState;

CopyLedger::CopyLedger(const cache::RecordIndex& index, cache::ExpertPool& pool,
                       TransferQueue& queue)
    : index_(index),
      pool_(pool),
      queue_(queue),
      origins_(pool.slots()),
      in_flight_(index.classes()),
      displaced_(index.records()) {
  stats_.slots = pool.slots();
  stats_.slot_bytes = pool.slot_bytes();
  stats_.experts = index.records();
  stats_.expert_bytes = index.total_bytes();
}

Presence CopyLedger::Look(RecordId record) const {
  const std::optional<SlotId> slot = pool_.Find(record);
  if (!slot) return Presence::kAbsent;
  return pool_.state(*slot) == SlotState::kReady ? Presence::kResident : Presence::kInFlight;
}

Presence CopyLedger::Ask(RecordId record) {
  const Presence presence = Look(record);
  pool_.OnAsked(record);
  const bool was_displaced = std::exchange(displaced_[record], false);
  if (presence == Presence::kAbsent) {
    ++stats_.misses;
    regretted_ += was_displaced;
    return presence;
  }
  const SlotId slot = *pool_.Find(record);
  const bool first_use = origins_[slot].speculative && !origins_[slot].asked;
  origins_[slot].asked = true;
  if (presence == Presence::kResident) {
    ++stats_.hits;
    stats_.speculative_used += first_use;
    return presence;
  }
  ++stats_.hits_in_flight;
  if (first_use) {
    ++stats_.speculative_late;
    std::erase(speculative_, slot);
    queue_.Promote(slot);
  }
  return presence;
}

bool CopyLedger::StartDemand(RecordId record) {
  const cache::Newcomer newcomer{record, true, 1};
  std::optional<cache::ExpertPool::Reservation> reservation = pool_.Reserve(newcomer);
  if (!reservation) {
    if (!CancelAnySpeculative(index_.layout_class(record))) return false;
    reservation = pool_.Reserve(newcomer);
    if (!reservation) return false;
  }
  ++stats_.fetches;
  Start(*reservation, record, TransferPriority::kDemand);
  return true;
}

bool CopyLedger::StartSpeculative(RecordId record, double odds) {
  const auto reservation = pool_.Reserve({record, false, odds});
  if (!reservation) return false;
  ++stats_.speculative_issued;
  if (reservation->evicted) displaced_[*reservation->evicted] = true;
  speculative_.push_back(reservation->slot);
  Start(*reservation, record, TransferPriority::kSpeculative);
  return true;
}

void CopyLedger::Start(const cache::ExpertPool::Reservation& reservation, RecordId record,
                       TransferPriority priority) {
  if (reservation.evicted) CountWasted(reservation.slot);
  const bool speculative = priority == TransferPriority::kSpeculative;
  origins_[reservation.slot] = {speculative, !speculative};
  ++in_flight_[index_.layout_class(record)];
  queue_.Submit(
      {reservation.slot, record, pool_.data(reservation.slot), index_.record_bytes(record)},
      priority);
}

void CopyLedger::CancelSpeculative(size_t ordinal) {
  for (size_t i = speculative_.size(); i-- > 0;) {
    const SlotId slot = speculative_[i];
    if (index_.ordinal(pool_.record(slot)) == ordinal) TakeBack(slot);
  }
}

bool CopyLedger::CancelAnySpeculative(uint32_t layout_class) {
  // The newest first: planned for the latest layer, or with the smallest odds.
  for (size_t i = speculative_.size(); i-- > 0;) {
    const SlotId slot = speculative_[i];
    if (index_.layout_class(pool_.record(slot)) == layout_class && TakeBack(slot)) return true;
  }
  return false;
}

void CopyLedger::Cancel(RecordId record) {
  const std::optional<SlotId> slot = pool_.Find(record);
  if (slot && pool_.state(*slot) == SlotState::kLoading) TakeBack(*slot);
}

bool CopyLedger::TakeBack(SlotId slot) {
  if (!queue_.Cancel(slot)) return false;
  Forget(slot);
  return true;
}

// The slot will not be filled.
void CopyLedger::Forget(SlotId slot) {
  CountWasted(slot);
  std::erase(speculative_, slot);
  --in_flight_[index_.layout_class(pool_.record(slot))];
  // A slot that the queue had a transfer for is Loading, so this cannot be refused.
  (void)pool_.Abandon(slot);
}

void CopyLedger::CountWasted(SlotId slot) {
  Origin& origin = origins_[slot];
  stats_.speculative_wasted += origin.speculative && !origin.asked;
  origin = {};
}

std::span<const CopyLedger::Landed> CopyLedger::Collect() {
  taken_.clear();
  queue_.Take(taken_);
  return Book();
}

std::span<const CopyLedger::Landed> CopyLedger::WaitAndCollect() {
  taken_.clear();
  const auto start = std::chrono::steady_clock::now();
  queue_.Wait(taken_);
  stats_.acquire_wait_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return Book();
}

std::span<const CopyLedger::Landed> CopyLedger::Book() {
  landed_.clear();
  for (TransferQueue::Landed& taken : taken_) {
    const SlotId slot = taken.slot;
    const RecordId record = pool_.record(slot);
    const bool speculative = origins_[slot].speculative;
    if (taken.status.ok()) {
      std::erase(speculative_, slot);
      --in_flight_[index_.layout_class(record)];
      (speculative ? stats_.speculative_bytes : stats_.fetched_bytes) +=
          index_.record_bytes(record);
      taken.status = pool_.Publish(slot);
    } else {
      ++stats_.fetch_failures;
      Forget(slot);
    }
    landed_.push_back({slot, record, std::move(taken.status), speculative});
  }
  return landed_;
}

ProviderStats CopyLedger::stats() const {
  ProviderStats stats = stats_;
  stats.evictions = pool_.evictions();
  stats.resident = pool_.resident();
  return stats;
}

}  // namespace moira::prefetch
