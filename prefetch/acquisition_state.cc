#include "prefetch/acquisition_state.h"

#include <algorithm>
#include <string>
#include <utility>

namespace moira::prefetch {

AcquisitionState::AcquisitionState(const cache::RecordIndex& index, cache::ExpertPool& pool,
                                   CopyLedger& ledger, StatsBoard& board)
    : index_(index), pool_(pool), ledger_(ledger), board_(board) {}

void AcquisitionState::Begin(size_t ordinal, std::span<const uint32_t> experts) {
  active_ = true;
  first_record_ = index_.first_record(ordinal);
  layout_class_ = index_.layer(ordinal).layout_class;
  wanted_.assign(index_.layer(ordinal).experts, false);
  for (uint32_t expert : experts) {
    switch (ledger_.Ask(record(expert))) {
      case Presence::kResident:
        DeliverLease(expert, true, *pool_.Find(record(expert)));
        break;
      case Presence::kInFlight:
        wanted_[expert] = true;
        ++waiting_;
        break;
      case Presence::kAbsent:
        missing_.push_back(expert);
        break;
    }
  }
  // The caller's order is kept: the last one is taken first.
  std::reverse(missing_.begin(), missing_.end());
  // What was predicted for this layer is known to be right or wrong now.
  ledger_.CancelSpeculative(ordinal);
  pool_.UnprotectLayer(ordinal);
  StartMissing();
  board_.Write(ledger_.stats());
}

void AcquisitionState::BeginResident(size_t ordinal, std::span<const uint32_t> experts) {
  first_record_ = index_.first_record(ordinal);
  for (uint32_t expert : experts) {
    const std::byte* data = pool_.data(*pool_.Find(record(expert)));
    ready_.push_back({expert, true, {}, cache::ExpertLease(data)});
  }
  ledger_.CountHits(experts.size());
  board_.Write(ledger_.stats());
}

void AcquisitionState::BeginFailed(std::span<const uint32_t> experts, const Status& status) {
  for (uint32_t expert : experts) ready_.push_back({expert, false, status, {}});
}

std::span<AcquisitionState::Delivery> AcquisitionState::Next() {
  group_.clear();
  if (!done()) {
    Deliver(ledger_.Collect());
    StartMissing();
  }
  while (ready_.empty() && !done()) {
    if (ledger_.in_flight(layout_class_) > 0) {
      Deliver(ledger_.WaitAndCollect());
    } else {
      FailMissing();
    }
    StartMissing();
  }
  group_.swap(ready_);
  return group_;
}

void AcquisitionState::End() {
  active_ = false;
  group_.clear();
  ready_.clear();
  for (uint32_t expert = 0; waiting_ > 0 && expert < wanted_.size(); ++expert) {
    if (wanted_[expert]) ledger_.Cancel(record(expert));
  }
  wanted_.clear();
  missing_.clear();
  waiting_ = 0;
  // Whoever sees the result of a pass sees its counters, too.
  board_.Write(ledger_.stats());
}

void AcquisitionState::StartMissing() {
  while (!missing_.empty() && ledger_.StartDemand(record(missing_.back()))) {
    wanted_[missing_.back()] = true;
    ++waiting_;
    missing_.pop_back();
  }
}

void AcquisitionState::Deliver(std::span<const CopyLedger::Landed> landed) {
  for (const CopyLedger::Landed& copy : landed) {
    const uint32_t expert = copy.record - first_record_;  // wraps for a lower layer's record
    if (expert >= wanted_.size() || !wanted_[expert]) continue;
    wanted_[expert] = false;
    --waiting_;
    if (copy.status.ok()) {
      DeliverLease(expert, false, copy.slot);
    } else if (copy.speculative) {
      // A prediction must not be what makes a request fail: try once more, as a demand.
      missing_.push_back(expert);
    } else {
      ready_.push_back({expert, false, copy.status, {}});
    }
  }
}

void AcquisitionState::DeliverLease(uint32_t expert, bool hit, cache::SlotId slot) {
  Result<cache::ExpertLease> lease = pool_.Lease(slot);
  Status status = lease.status();
  ready_.push_back({expert, hit, std::move(status),
                    lease.ok() ? std::move(lease).value() : cache::ExpertLease()});
}

// No slot can be had and nothing is under way: the caller holds the leases of all slots.
void AcquisitionState::FailMissing() {
  for (uint32_t expert : std::exchange(missing_, {})) {
    ready_.push_back({expert,
                      false,
                      ResourceExhausted("expert " + std::to_string(expert) +
                                        ": all slots of its layout class are leased"),
                      {}});
  }
}

}  // namespace moira::prefetch
