#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prefetch/copy_ledger.h"
#include "prefetch/expert_provider.h"
#include "prefetch/stats_board.h"

namespace moira::prefetch {

// The work behind Acquisition: one layer's experts on their way into leases. Kept by the provider
// and used again for each acquisition, so that acquiring allocates nothing. The engine thread's.
class AcquisitionState {
 public:
  using Delivery = Acquisition::Delivery;

  AcquisitionState(const cache::RecordIndex& index, cache::ExpertPool& pool, CopyLedger& ledger,
                   StatsBoard& board);

  // Asks for all experts: leases the hits, and starts copying the others as far as slots allow.
  void Begin(size_t ordinal, std::span<const uint32_t> experts);
  // The same when every record is in a slot for good: no policy, no pinning.
  void BeginResident(size_t ordinal, std::span<const uint32_t> experts);
  // All experts will be delivered with this status.
  void BeginFailed(std::span<const uint32_t> experts, const Status& status);
  // See Acquisition::Next.
  std::span<Delivery> Next();
  // Releases the leases and drops what was not delivered.
  void End();
  bool active() const { return active_; }
  // Books copies that have landed meanwhile.
  void Collect() { Deliver(ledger_.Collect()); }

 private:
  void StartMissing();
  void Deliver(std::span<const CopyLedger::Landed> landed);
  void DeliverLease(uint32_t expert, bool hit, cache::SlotId slot);
  void FailMissing();
  bool done() const { return missing_.empty() && waiting_ == 0; }
  cache::RecordId record(uint32_t expert) const { return first_record_ + expert; }

  const cache::RecordIndex& index_;
  cache::ExpertPool& pool_;
  CopyLedger& ledger_;
  StatsBoard& board_;
  bool active_ = false;
  cache::RecordId first_record_ = 0;
  uint32_t layout_class_ = 0;
  std::vector<Delivery> group_;    // handed out
  std::vector<Delivery> ready_;    // to be handed out next
  std::vector<uint32_t> missing_;  // experts that have no slot yet, last one first
  std::vector<uint8_t> wanted_;    // by expert of the layer: to be delivered when it lands
  size_t waiting_ = 0;             // how many of those
};

}  // namespace moira::prefetch
