#include <limits>
#include <vector>

#include "cache/policy.h"

namespace moira::cache {
namespace {

// Least recently used: gives up the record whose last use (its insertion, or being asked for) is
// longest ago. A newcomer that is not required never displaces what this pass asked for.
class LruPolicy : public ReplacementPolicy {
 public:
  explicit LruPolicy(size_t records) : links_(records) {}

  void OnAsked(RecordId record, uint64_t now) override {
    links_[record].asked = now;
    if (!links_[record].resident) return;
    Unlink(record);
    LinkNewest(record);
  }

  void OnInserted(RecordId record, uint64_t) override {
    links_[record].resident = true;
    LinkNewest(record);
  }

  void OnRemoved(RecordId record) override {
    links_[record].resident = false;
    Unlink(record);
  }

  std::optional<RecordId> ChooseVictim(const Newcomer& newcomer, uint64_t now,
                                       FunctionRef<bool(RecordId)> evictable) const override {
    for (RecordId record = oldest_; record != kNone; record = links_[record].newer) {
      if (!newcomer.required && links_[record].asked == now) continue;
      if (evictable(record)) return record;
    }
    return std::nullopt;
  }

 private:
  static constexpr RecordId kNone = std::numeric_limits<RecordId>::max();

  struct Link {
    RecordId older = kNone, newer = kNone;
    bool resident = false;
    uint64_t asked = std::numeric_limits<uint64_t>::max();  // never
  };

  void LinkNewest(RecordId record) {
    links_[record].older = newest_;
    links_[record].newer = kNone;
    (newest_ == kNone ? oldest_ : links_[newest_].newer) = record;
    newest_ = record;
  }

  void Unlink(RecordId record) {
    const Link& link = links_[record];
    (link.newer == kNone ? newest_ : links_[link.newer].older) = link.older;
    (link.older == kNone ? oldest_ : links_[link.older].newer) = link.newer;
  }

  std::vector<Link> links_;  // by record; a list of the resident ones
  RecordId oldest_ = kNone, newest_ = kNone;
};

}  // namespace

std::unique_ptr<ReplacementPolicy> CreateLruPolicy(size_t records) {
  return std::make_unique<LruPolicy>(records);
}

}  // namespace moira::cache
