#include "engine/chat_template/string_literal.h"

#include <charconv>

#include "engine/chat_template/failure.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// Null for a letter that is no simple escape.
const char* SimpleEscape(char letter) {
  switch (letter) {
    case '\n':
      return "";  // a continued line
    case '\\':
      return "\\";
    case '\'':
      return "'";
    case '"':
      return "\"";
    case 'a':
      return "\a";
    case 'b':
      return "\b";
    case 'f':
      return "\f";
    case 'n':
      return "\n";
    case 'r':
      return "\r";
    case 't':
      return "\t";
    case 'v':
      return "\v";
    default:
      return nullptr;
  }
}

size_t HexDigits(char letter) {
  return letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// Exactly `count` hexadecimal digits at the front of `text`.
char32_t ReadHex(std::string_view text, size_t count, int line) {
  uint32_t value = 0;
  const std::string_view digits = text.substr(0, count);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != count || read.ec != std::errc() ||
      read.ptr != digits.data() + digits.size()) {
    throw SyntaxError(line, "truncated escape in a string");
  }
  return value;
}

// A surrogate pair that is written as two \u escapes is one character.
bool IsPair(char32_t high, std::string_view next) {
  return high >= 0xD800 && high < 0xDC00 && next.size() >= 6 && next.substr(0, 2) == "\\u";
}

}  // namespace

std::string UnescapeString(std::string_view literal, int line) {
  std::string result;
  size_t at = 0;
  while (at < literal.size()) {
    if (literal[at] != '\\' || at + 1 == literal.size()) {
      result.push_back(literal[at++]);
      continue;
    }
    const char letter = literal[at + 1];
    at += 2;
    if (const char* simple = SimpleEscape(letter)) {
      result.append(simple);
    } else if (const size_t digits = HexDigits(letter)) {
      char32_t value = ReadHex(literal.substr(at), digits, line);
      at += digits;
      if (digits == 4 && IsPair(value, literal.substr(at))) {
        const char32_t low = ReadHex(literal.substr(at + 2), 4, line);
        if (low >= 0xDC00 && low < 0xE000) {
          value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
          at += 6;
        }
      }
      if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
        throw SyntaxError(line, "escape of no Unicode character in a string");
      }
      AppendUtf8(value, &result);
    } else if (IsOctal(letter)) {
      char32_t value = static_cast<char32_t>(letter - '0');
      for (int i = 0; i < 2 && at < literal.size() && IsOctal(literal[at]); ++i) {
        value = value * 8 + static_cast<char32_t>(literal[at++] - '0');
      }
      AppendUtf8(value, &result);
    } else if (letter == 'N') {
      throw NotSupported(line, "\\N escape in a string");
    } else {
      result.push_back('\\');
      result.push_back(letter);
    }
  }
  return result;
}

}  // namespace moira::engine::jinja
