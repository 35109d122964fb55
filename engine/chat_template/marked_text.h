#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace moira::engine::jinja {

// UTF-8 text that knows which of its bytes came from a user. Ranges are sorted, disjoint, not empty
// and not adjacent. Every operation on text goes through Append and Slice, which carry the marks.
class MarkedText {
 public:
  // Where a text has more ranges, what lies between the last ones counts as a user's too: a bound
  // on memory that marks too much, never too little.
  static constexpr size_t kMaxRanges = 1 << 16;

  MarkedText() = default;
  explicit MarkedText(std::string bytes, bool untrusted = false);

  const std::string& bytes() const { return bytes_; }
  const std::vector<TextRange>& untrusted() const { return untrusted_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  void Append(std::string_view bytes, bool untrusted = false);
  void Append(const MarkedText& other) { Append(other, 0, other.size()); }
  // Bytes [begin, end) of the other text.
  void Append(const MarkedText& other, size_t begin, size_t end);
  MarkedText Slice(size_t begin, size_t end) const;

  // Calls `visit(piece, untrusted)` for the maximal runs of equal marking, in order.
  template <typename Visitor>
  void ForEachRun(Visitor visit) const {
    const std::string_view all = bytes_;
    size_t position = 0;
    for (const TextRange& range : untrusted_) {
      if (range.begin > position) visit(all.substr(position, range.begin - position), false);
      visit(all.substr(range.begin, range.end - range.begin), true);
      position = range.end;
    }
    if (position < all.size()) visit(all.substr(position), false);
  }

 private:
  void Mark(size_t begin, size_t end);

  std::string bytes_;
  std::vector<TextRange> untrusted_;
};

}  // namespace moira::engine::jinja
