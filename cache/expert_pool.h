#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/device/device.h"
#include "cache/policy.h"
#include "cache/record_index.h"

namespace moira::cache {

using SlotId = uint32_t;

enum class SlotState : uint8_t { kEmpty, kLoading, kReady };

class ExpertPool;

// Pins a slot's content while kernels use it. Move-only; must not outlive the pool. The engine
// thread's, as the pool is.
class ExpertLease {
 public:
  ExpertLease() = default;
  // For content that is never evicted: nothing to pin.
  explicit ExpertLease(const std::byte* data) : data_(data) {}
  ExpertLease(ExpertLease&& other) noexcept { Swap(other); }
  ExpertLease& operator=(ExpertLease&& other) noexcept {
    ExpertLease moved(std::move(other));
    Swap(moved);
    return *this;
  }
  inline ~ExpertLease();

  // The record's bytes, in device memory, laid out as the layer's LayerRecords say; null for a
  // lease that pins nothing.
  const std::byte* data() const { return data_; }

 private:
  friend class ExpertPool;
  ExpertLease(ExpertPool* pool, SlotId slot, const std::byte* data)
      : data_(data), pool_(pool), slot_(slot) {}
  void Swap(ExpertLease& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(pool_, other.pool_);
    std::swap(slot_, other.slot_);
  }

  const std::byte* data_ = nullptr;
  ExpertPool* pool_ = nullptr;
  SlotId slot_ = 0;
};

// The slots that hold records in device memory: for each layout class one allocation and one
// replacement policy. Decides what is where; moves no bytes: who reserved a slot fills it. Not
// thread-safe (the engine thread's), but the bytes of a slot that is Loading may be written by
// another thread until Publish.
//
//              Reserve                Publish                  Lease
//    Empty -----------------> Loading ---------> Ready, 0 leases ----> Ready, n leases
//      ^                        | ^                 |            <----
//      +------- Abandon --------+ +---- Reserve ----+             ~ExpertLease
//                                    (as the victim)
//
// All other transitions are refused with kInternal and change nothing. Eviction is no state: a
// victim has no lease, so nothing reads it, and its slot is Loading for the newcomer at once.
class ExpertPool {
 public:
  // `slots` counts by layout class. `index` must outlive the pool.
  static Result<std::unique_ptr<ExpertPool>> Create(const RecordIndex& index,
                                                    std::span<const uint64_t> slots,
                                                    std::string_view policy, Device& device);

  size_t slots() const { return slots_.size(); }
  size_t slots(uint32_t layout_class) const { return classes_[layout_class].slots; }
  uint64_t slot_bytes() const { return slot_bytes_; }  // of all slots
  size_t resident() const { return resident_; }        // records in state Ready
  uint64_t evictions() const { return evictions_; }

  // The slot that holds the record, or is being filled with it.
  std::optional<SlotId> Find(RecordId record) const;
  SlotState state(SlotId slot) const { return slots_[slot].state; }
  RecordId record(SlotId slot) const { return slots_[slot].record; }  // of a slot not Empty
  std::byte* data(SlotId slot) { return slots_[slot].data; }

  // A pass through the model begins: the policies' clock.
  void AdvanceTime() { ++now_; }
  // The router asked for the record.
  void OnAsked(RecordId record);
  // Predicted for a layer that is still to come: not evicted for a newcomer that is not required,
  // and for a required one only if there is no other victim.
  void Protect(RecordId record) { protected_[record] = true; }
  // The prediction for all records of this layer is over.
  void UnprotectLayer(size_t ordinal);

  struct Reservation {
    SlotId slot;
    std::optional<RecordId> evicted;
  };
  // An Empty slot of the record's class, or its policy's victim, now Loading; nothing if there is
  // no such slot or the record already has one.
  std::optional<Reservation> Reserve(const Newcomer& newcomer);
  // Loading -> Ready: the bytes are complete.
  Status Publish(SlotId slot);
  // Loading -> Empty: the bytes did not come.
  Status Abandon(SlotId slot);
  // Pins a Ready slot.
  Result<ExpertLease> Lease(SlotId slot);

 private:
  friend class ExpertLease;

  struct Slot {
    SlotState state = SlotState::kEmpty;
    uint32_t leases = 0;
    RecordId record = 0;
    std::byte* data = nullptr;
  };
  struct Class {
    Buffer memory;
    std::unique_ptr<ReplacementPolicy> policy;
    std::vector<SlotId> empty;
    size_t slots = 0;
  };

  explicit ExpertPool(const RecordIndex& index);
  Status AddClass(uint32_t layout_class, uint64_t slots, std::string_view policy, Device& device);
  std::optional<RecordId> ChooseVictim(const Class& of, const Newcomer& newcomer) const;
  Class& class_of(RecordId record) { return classes_[index_.layout_class(record)]; }
  void Release(SlotId slot) { --slots_[slot].leases; }

  const RecordIndex& index_;
  std::vector<Class> classes_;
  std::vector<Slot> slots_;
  std::vector<SlotId> slot_of_;     // by record; kNoSlot
  std::vector<uint8_t> protected_;  // by record
  uint64_t now_ = 0;
  uint64_t slot_bytes_ = 0;
  size_t resident_ = 0;
  uint64_t evictions_ = 0;
};

inline ExpertLease::~ExpertLease() {
  if (pool_ != nullptr) pool_->Release(slot_);
}

}  // namespace moira::cache
