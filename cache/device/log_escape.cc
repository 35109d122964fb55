#include "cache/device/log_escape.h"

#include <cstdint>

#include "cache/device/utf8.h"

namespace moira {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendHex(uint8_t byte, std::string& out) {
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

// \n, \r, \t as people write them; 0 for the others.
char ShortEscape(char c) {
  switch (c) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

void AppendEscapedByte(char c, std::string& out) {
  out += '\\';
  if (char escape = ShortEscape(c); escape != 0) {
    out += escape;
    return;
  }
  out += 'x';
  AppendHex(static_cast<uint8_t>(c), out);
}

}  // namespace

std::string EscapeLogText(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    size_t length = Utf8SequenceLength(message);
    if (length == 0 || StartsWithControl(message)) {
      size_t bytes = length == 0 ? 1 : length;
      for (char c : message.substr(0, bytes)) AppendEscapedByte(c, out);
      message.remove_prefix(bytes);
    } else {
      out += message.substr(0, length);
      message.remove_prefix(length);
    }
  }
  return out;
}

std::string EscapeLogJson(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    size_t length = Utf8SequenceLength(message);
    char lead = message.front();
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (lead == '"' || lead == '\\') {
      out += '\\';
      out += lead;
    } else if (StartsWithControl(message)) {
      // A C1 control is the bytes C2 80 to C2 9F for U+0080 to U+009F.
      out += "\\u00";
      AppendHex(static_cast<uint8_t>(message[length - 1]), out);
    } else {
      out += message.substr(0, length);
    }
    message.remove_prefix(length);
  }
  return out;
}

}  // namespace moira
