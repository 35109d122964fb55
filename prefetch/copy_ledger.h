#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cache/expert_pool.h"
#include "prefetch/provider_stats.h"
#include "prefetch/transfer_queue.h"

namespace moira::prefetch {

enum class Presence : uint8_t { kAbsent, kInFlight, kResident };

// Joins the pool's decisions with the queue's work: which slot is being filled, on whose behalf,
// and what became of it, as counters. The engine thread's.
class CopyLedger {
 public:
  struct Landed {
    cache::SlotId slot;
    cache::RecordId record;
    Status status;     // not ok: the slot is Empty again
    bool speculative;  // started by a prediction, whoever waits for it by now
  };

  // All must outlive the ledger, and the queue's transfers must all be the ledger's.
  CopyLedger(const cache::RecordIndex& index, cache::ExpertPool& pool, TransferQueue& queue);

  Presence Look(cache::RecordId record) const;
  // The router asked for the record: counts it, and turns a speculative copy on its way into a
  // demand.
  Presence Ask(cache::RecordId record);
  // Asked for where all is resident.
  void CountHits(size_t hits) { stats_.hits += hits; }
  // Starts a copy that is waited for. False if no slot can be had now; it can be tried again when
  // something has landed or a lease was released.
  bool StartDemand(cache::RecordId record);
  // Starts a copy that may turn out useful. False if no slot is spare for it.
  bool StartSpeculative(cache::RecordId record, double odds);
  // Takes back speculative copies of this layer that nobody asked for and that have not started.
  void CancelSpeculative(size_t ordinal);
  // Takes back a copy that is not worked on.
  void Cancel(cache::RecordId record);

  // Copies of records of this class that have not landed.
  size_t in_flight(uint32_t layout_class) const { return in_flight_[layout_class]; }
  size_t speculative_in_flight() const { return speculative_.size(); }
  // What landed since the last call; valid until the next.
  std::span<const Landed> Collect();
  // The same, but waits for something (something must be in flight) and counts the time.
  std::span<const Landed> WaitAndCollect();

  ProviderStats stats() const;
  // Times a record that was evicted for a prediction was then asked for and missed.
  uint64_t regretted() const { return regretted_; }

 private:
  // Whose copy fills, or filled, the slot.
  struct Origin {
    bool speculative = false;
    bool asked = false;  // by the router, since the copy was started
  };

  void Start(const cache::ExpertPool::Reservation& reservation, cache::RecordId record,
             TransferPriority priority);
  bool CancelAnySpeculative(uint32_t layout_class);
  bool TakeBack(cache::SlotId slot);
  void Forget(cache::SlotId slot);
  void CountWasted(cache::SlotId slot);
  std::span<const Landed> Book();

  const cache::RecordIndex& index_;
  cache::ExpertPool& pool_;
  TransferQueue& queue_;
  std::vector<Origin> origins_;             // by slot
  std::vector<cache::SlotId> speculative_;  // in flight and not asked for, oldest first
  std::vector<size_t> in_flight_;           // by class
  std::vector<uint8_t> displaced_;          // by record: evicted for a prediction, not asked since
  std::vector<TransferQueue::Landed> taken_;
  std::vector<Landed> landed_;
  ProviderStats stats_;
  uint64_t regretted_ = 0;
};

}  // namespace moira::prefetch
