#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/device/function_ref.h"
#include "cache/device/status.h"
#include "cache/record_index.h"

namespace moira::cache {

// What wants a slot.
struct Newcomer {
  RecordId record;
  bool required;  // a demand copy must get a slot; a speculative one only if it is worth it
  double odds;    // how likely the next pass asks for it; 1 for a demand copy
};

// Decides which resident record gives up its slot to another. Sees keys and times (`now` counts
// passes through the model and never falls), no bytes and no locks; deterministic. One instance
// serves the slots of one layout class. Not thread-safe.
class ReplacementPolicy {
 public:
  virtual ~ReplacementPolicy() = default;

  // The router asked for the record, resident or not.
  virtual void OnAsked(RecordId record, uint64_t now) = 0;
  virtual void OnInserted(RecordId record, uint64_t now) = 0;
  virtual void OnRemoved(RecordId record) = 0;
  // The resident record to give up, among those that are `evictable`. A required newcomer gets one
  // if there is one; another one only if the policy thinks it worth more than the victim.
  virtual std::optional<RecordId> ChooseVictim(const Newcomer& newcomer, uint64_t now,
                                               FunctionRef<bool(RecordId)> evictable) const = 0;
};

// `records` bounds the keys. kInvalidArgument with the known names.
Result<std::unique_ptr<ReplacementPolicy>> CreatePolicy(std::string_view name, size_t records);
// "decayed, lru", for help texts.
std::string PolicyNames();

// The entries of the table in policy.cc.
std::unique_ptr<ReplacementPolicy> CreateLruPolicy(size_t records);
std::unique_ptr<ReplacementPolicy> CreateDecayedPolicy(size_t records);

}  // namespace moira::cache
