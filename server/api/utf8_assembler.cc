#include "server/api/utf8_assembler.h"

#include <algorithm>

namespace moira::server {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct LeadByte {
  size_t length;            // of the sequence, 0 when no sequence begins so
  unsigned char low, high;  // range of the second byte (Unicode 15, table 3-7)
};

LeadByte Classify(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// How many bytes of `text` (not empty) belong to the valid beginning of a sequence: at most
// `lead.length`.
size_t ValidPrefix(std::string_view text, const LeadByte& lead) {
  size_t valid = 1;
  while (valid < lead.length && valid < text.size()) {
    const auto byte = static_cast<unsigned char>(text[valid]);
    const unsigned char low = valid == 1 ? lead.low : 0x80;
    const unsigned char high = valid == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) break;
    ++valid;
  }
  return valid;
}

}  // namespace

std::string Utf8Assembler::Append(std::string_view bytes) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const LeadByte lead = Classify(static_cast<unsigned char>(rest[0]));
    const size_t valid = ValidPrefix(rest, lead);
    if (lead.length != 0 && valid == lead.length) {
      out.append(rest.substr(0, valid));
    } else if (lead.length != 0 && valid == rest.size()) {
      break;
    } else {
      out.append(kReplacement);
    }
    rest.remove_prefix(valid);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return out;
}

std::string Utf8Assembler::Flush() {
  if (pending_.empty()) return {};
  pending_.clear();
  return std::string(kReplacement);
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace moira::server
