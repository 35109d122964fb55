#include "engine/tokenizer/byte_map.h"

#include <array>

#include "engine/tokenizer/utf8.h"

namespace moira::engine {
namespace {

constexpr char32_t kFirstShifted = 0x100;
constexpr size_t kShiftedBytes = 68;
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

constexpr bool PrintsInLatin1(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<uint8_t, kShiftedBytes> ShiftedBytes() {
  std::array<uint8_t, kShiftedBytes> bytes{};
  size_t count = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (!PrintsInLatin1(byte)) bytes[count++] = static_cast<uint8_t>(byte);
  }
  return bytes;
}

constexpr std::array<char32_t, 256> ByteCharacters() {
  std::array<char32_t, 256> characters{};
  for (unsigned byte = 0; byte < 256; ++byte) characters[byte] = byte;
  constexpr auto kShifted = ShiftedBytes();
  for (size_t i = 0; i < kShifted.size(); ++i) {
    characters[kShifted[i]] = kFirstShifted + static_cast<char32_t>(i);
  }
  return characters;
}

constexpr auto kShifted = ShiftedBytes();
constexpr auto kByteCharacters = ByteCharacters();

}  // namespace

std::string ByteSpelling(uint8_t byte) {
  std::string spelling;
  AppendUtf8(kByteCharacters[byte], spelling);
  return spelling;
}

std::optional<uint8_t> SpelledByte(char32_t character) {
  if (character < kFirstShifted) {
    if (!PrintsInLatin1(character)) return std::nullopt;
    return static_cast<uint8_t>(character);
  }
  const size_t index = character - kFirstShifted;
  if (index >= kShifted.size()) return std::nullopt;
  return kShifted[index];
}

std::string SpelledBytes(std::string_view spelling) {
  std::string bytes;
  for (size_t at = 0; at < spelling.size();) {
    const Utf8Character character = ReadUtf8(spelling.substr(at));
    const std::optional<uint8_t> byte =
        character.valid ? SpelledByte(character.value) : std::nullopt;
    if (byte) {
      bytes.push_back(static_cast<char>(*byte));
    } else {
      bytes.append(spelling.substr(at, character.length));
    }
    at += character.length;
  }
  return bytes;
}

std::string ByteTokenSpelling(uint8_t byte) {
  return {'<', '0', 'x', kHexDigits[byte >> 4], kHexDigits[byte & 15], '>'};
}

std::optional<uint8_t> ParseByteToken(std::string_view spelling) {
  if (spelling.size() != 6 || spelling.substr(0, 3) != "<0x" || spelling[5] != '>') {
    return std::nullopt;
  }
  const size_t high = kHexDigits.find(spelling[3]);
  const size_t low = kHexDigits.find(spelling[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

}  // namespace moira::engine
