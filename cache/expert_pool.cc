#include "cache/expert_pool.h"

#include <algorithm>
#include <limits>
#include <string>

#include "cache/device/checked.h"

namespace moira::cache {
namespace {

constexpr SlotId kNoSlot = std::numeric_limits<SlotId>::max();

Status WrongState(SlotId slot, std::string_view operation) {
  return InternalError("slot " + std::to_string(slot) + " is in the wrong state for " +
                       std::string(operation));
}

}  // namespace

ExpertPool::ExpertPool(const RecordIndex& index)
    : index_(index), slot_of_(index.records(), kNoSlot), protected_(index.records()) {}

Result<std::unique_ptr<ExpertPool>> ExpertPool::Create(const RecordIndex& index,
                                                       std::span<const uint64_t> slots,
                                                       std::string_view policy, Device& device) {
  if (slots.size() != index.classes()) {
    return InternalError("slots for " + std::to_string(slots.size()) + " layout classes of " +
                         std::to_string(index.classes()));
  }
  std::unique_ptr<ExpertPool> pool(new ExpertPool(index));
  for (uint32_t i = 0; i < slots.size(); ++i) {
    MOIRA_RETURN_IF_ERROR(pool->AddClass(i, slots[i], policy, device));
  }
  return pool;
}

Status ExpertPool::AddClass(uint32_t layout_class, uint64_t slots, std::string_view policy,
                            Device& device) {
  const uint64_t slot_bytes = index_.slot_bytes(layout_class);
  const std::optional<uint64_t> bytes = CheckedMul(slots, slot_bytes);
  if (!bytes || slots >= kNoSlot - slots_.size()) {
    return InvalidArgument(std::to_string(slots) + " expert slots of " +
                           std::to_string(slot_bytes) + " bytes are more than can be addressed");
  }
  Class added;
  MOIRA_ASSIGN_OR_RETURN(added.memory, device.Allocate(*bytes));
  MOIRA_ASSIGN_OR_RETURN(added.policy, CreatePolicy(policy, index_.records()));
  const auto first = static_cast<SlotId>(slots_.size());
  for (uint64_t i = 0; i < slots; ++i) {
    slots_.push_back({.data = added.memory.data() + i * slot_bytes});
  }
  // Taken from the back: the first slot is used first.
  for (uint64_t i = slots; i-- > 0;) added.empty.push_back(first + static_cast<SlotId>(i));
  added.slots = slots;
  slot_bytes_ += *bytes;
  classes_.push_back(std::move(added));
  return {};
}

std::optional<SlotId> ExpertPool::Find(RecordId record) const {
  if (slot_of_[record] == kNoSlot) return std::nullopt;
  return slot_of_[record];
}

void ExpertPool::OnAsked(RecordId record) { class_of(record).policy->OnAsked(record, now_); }

void ExpertPool::UnprotectLayer(size_t ordinal) {
  std::fill_n(protected_.begin() + index_.first_record(ordinal), index_.layer(ordinal).experts,
              false);
}

std::optional<RecordId> ExpertPool::ChooseVictim(const Class& of, const Newcomer& newcomer) const {
  const auto unused = [&](RecordId record) {
    const Slot& slot = slots_[slot_of_[record]];
    return slot.state == SlotState::kReady && slot.leases == 0;
  };
  const std::optional<RecordId> victim = of.policy->ChooseVictim(
      newcomer, now_, [&](RecordId record) { return unused(record) && !protected_[record]; });
  if (victim || !newcomer.required) return victim;
  return of.policy->ChooseVictim(newcomer, now_, unused);
}

std::optional<ExpertPool::Reservation> ExpertPool::Reserve(const Newcomer& newcomer) {
  if (slot_of_[newcomer.record] != kNoSlot) return std::nullopt;
  Class& of = class_of(newcomer.record);
  Reservation reservation{};
  if (!of.empty.empty()) {
    reservation.slot = of.empty.back();
    of.empty.pop_back();
  } else {
    reservation.evicted = ChooseVictim(of, newcomer);
    if (!reservation.evicted) return std::nullopt;
    reservation.slot = std::exchange(slot_of_[*reservation.evicted], kNoSlot);
    of.policy->OnRemoved(*reservation.evicted);
    ++evictions_;
    --resident_;
  }
  slots_[reservation.slot].state = SlotState::kLoading;
  slots_[reservation.slot].record = newcomer.record;
  slot_of_[newcomer.record] = reservation.slot;
  return reservation;
}

Status ExpertPool::Publish(SlotId slot) {
  if (slot >= slots_.size() || slots_[slot].state != SlotState::kLoading) {
    return WrongState(slot, "Publish");
  }
  slots_[slot].state = SlotState::kReady;
  class_of(slots_[slot].record).policy->OnInserted(slots_[slot].record, now_);
  ++resident_;
  return {};
}

Status ExpertPool::Abandon(SlotId slot) {
  if (slot >= slots_.size() || slots_[slot].state != SlotState::kLoading) {
    return WrongState(slot, "Abandon");
  }
  slots_[slot].state = SlotState::kEmpty;
  slot_of_[slots_[slot].record] = kNoSlot;
  class_of(slots_[slot].record).empty.push_back(slot);
  return {};
}

Result<ExpertLease> ExpertPool::Lease(SlotId slot) {
  if (slot >= slots_.size() || slots_[slot].state != SlotState::kReady) {
    return WrongState(slot, "Lease");
  }
  ++slots_[slot].leases;
  return ExpertLease(this, slot, slots_[slot].data);
}

}  // namespace moira::cache
