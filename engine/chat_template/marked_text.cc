#include "engine/chat_template/marked_text.h"

#include <algorithm>
#include <utility>

namespace moira::engine::jinja {

MarkedText::MarkedText(std::string bytes, bool untrusted) : bytes_(std::move(bytes)) {
  if (untrusted) Mark(0, bytes_.size());
}

void MarkedText::Mark(size_t begin, size_t end) {
  if (begin == end) return;
  const bool full = untrusted_.size() >= kMaxRanges;
  if (!untrusted_.empty() && (untrusted_.back().end == begin || full)) {
    untrusted_.back().end = end;
  } else {
    untrusted_.push_back({begin, end});
  }
}

void MarkedText::Append(std::string_view bytes, bool untrusted) {
  const size_t begin = bytes_.size();
  bytes_.append(bytes);
  if (untrusted) Mark(begin, bytes_.size());
}

void MarkedText::Append(const MarkedText& other, size_t begin, size_t end) {
  const size_t shift = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto range = std::upper_bound(other.untrusted_.begin(), other.untrusted_.end(), begin,
                                [](size_t at, const TextRange& r) { return at < r.end; });
  for (; range != other.untrusted_.end() && range->begin < end; ++range) {
    Mark(shift + std::max(range->begin, begin) - begin, shift + std::min(range->end, end) - begin);
  }
}

MarkedText MarkedText::Slice(size_t begin, size_t end) const {
  MarkedText slice;
  slice.Append(*this, begin, end);
  return slice;
}

}  // namespace moira::engine::jinja
