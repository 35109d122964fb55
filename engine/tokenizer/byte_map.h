#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moira::engine {

// Byte-level BPE spells each byte as one printable character, so that vocabulary and merges are
// plain text: bytes that print in Latin-1 stand for themselves, the other 68 for U+0100 and up, in
// order (`bytes_to_unicode` of the GPT-2 release; a space becomes U+0120).
std::string ByteSpelling(uint8_t byte);
std::optional<uint8_t> SpelledByte(char32_t character);

// The bytes that a spelling stands for; a character that stands for no byte is kept as UTF-8.
std::string SpelledBytes(std::string_view spelling);

// SPM writes a byte as `<0xNN>`, two upper-case hex digits, and nothing else.
std::string ByteTokenSpelling(uint8_t byte);
std::optional<uint8_t> ParseByteToken(std::string_view spelling);

}  // namespace moira::engine
