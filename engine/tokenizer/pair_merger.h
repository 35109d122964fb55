#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace moira::engine {

// The loop that BPE and SPM share: of all neighbouring pieces that may be merged, merge the pair of
// lowest `Priority`, the leftmost of equals, until none is left. O(n log n) for n pieces, whatever
// the text: each merge offers at most two new pairs to the heap. Reusable; not thread-safe.
template <typename Priority>
class PairMerger {
 public:
  struct Piece {
    size_t begin;  // span of the text, in bytes; a piece that was merged away has length 0
    size_t length;
    uint32_t symbol;
    size_t previous;
    size_t next;
  };
  struct Merge {
    Priority priority;
    uint32_t symbol;  // of the merged piece
  };

  void Clear() { pieces_.clear(); }

  // Appends a piece to the right of those that are there.
  void Add(size_t begin, size_t length, uint32_t symbol) {
    const size_t index = pieces_.size();
    if (index > 0) pieces_.back().next = index;
    pieces_.push_back({begin, length, symbol, index > 0 ? index - 1 : kNone, kNone});
  }

  // `find(left piece, right piece)` gives std::optional<Merge>.
  template <typename Find>
  void Run(const Find& find) {
    heap_.clear();
    for (size_t i = 0; i + 1 < pieces_.size(); ++i) Offer(i, find);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      const Candidate candidate = heap_.back();
      heap_.pop_back();
      if (!Apply(candidate)) continue;
      if (pieces_[candidate.left].previous != kNone) Offer(pieces_[candidate.left].previous, find);
      Offer(candidate.left, find);
    }
  }

  // Calls `visit(piece)` for what is left, from left to right.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = pieces_.empty() ? kNone : 0; i != kNone; i = pieces_[i].next) visit(pieces_[i]);
  }

 private:
  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  struct Candidate {
    Priority priority;
    uint32_t symbol;
    size_t left;
    size_t right;
    size_t length;
  };

  static bool Later(const Candidate& a, const Candidate& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    return a.left > b.left;
  }

  template <typename Find>
  void Offer(size_t left, const Find& find) {
    const size_t right = pieces_[left].next;
    if (right == kNone) return;
    const std::optional<Merge> merge = find(pieces_[left], pieces_[right]);
    if (!merge) return;
    heap_.push_back({merge->priority, merge->symbol, left, right,
                     pieces_[left].length + pieces_[right].length});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }

  // False if one of the two pieces has changed since the candidate was offered. Lengths tell: a
  // piece only ever grows, or vanishes.
  bool Apply(const Candidate& candidate) {
    Piece& left = pieces_[candidate.left];
    Piece& right = pieces_[candidate.right];
    if (left.length == 0 || right.length == 0) return false;
    if (left.length + right.length != candidate.length) return false;
    left.length = candidate.length;
    left.symbol = candidate.symbol;
    left.next = right.next;
    right.length = 0;
    if (left.next != kNone) pieces_[left.next].previous = candidate.left;
    return true;
  }

  std::vector<Piece> pieces_;
  std::vector<Candidate> heap_;
};

}  // namespace moira::engine
