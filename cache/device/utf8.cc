#include "cache/device/utf8.h"

#include <cstdint>

namespace moira {
namespace {

uint8_t ByteAt(std::string_view text, size_t index) { return static_cast<uint8_t>(text[index]); }

// Table 3-7 of the Unicode standard: what lead bytes allow as second byte, and the length.
struct LeadRange {
  uint8_t first, last;
  uint8_t second_first, second_last;
  uint8_t length;
};
constexpr LeadRange kLeadRanges[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

}  // namespace

size_t Utf8SequenceLength(std::string_view text) {
  if (text.empty()) return 0;
  uint8_t lead = ByteAt(text, 0);
  if (lead < 0x80) return 1;
  for (const LeadRange& range : kLeadRanges) {
    if (lead < range.first || lead > range.last) continue;
    if (text.size() < range.length) return 0;
    if (ByteAt(text, 1) < range.second_first || ByteAt(text, 1) > range.second_last) return 0;
    for (size_t i = 2; i < range.length; ++i) {
      if ((ByteAt(text, i) & 0xC0) != 0x80) return 0;
    }
    return range.length;
  }
  return 0;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool StartsWithControl(std::string_view text) {
  if (text.empty()) return false;
  uint8_t lead = ByteAt(text, 0);
  if (lead < 0x20 || lead == 0x7F) return true;
  return lead == 0xC2 && text.size() > 1 && ByteAt(text, 1) < 0xA0;
}

}  // namespace moira
