#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace moira::engine::jinja {

// Python strings are sequences of code points; ours are UTF-8. A byte that belongs to no valid
// sequence counts as one code point, so that any bytes can be cut and put together again.

struct CodePoint {
  char32_t value;  // kInvalidBase + byte for a byte that is no UTF-8
  size_t size;     // bytes that it takes
};
inline constexpr char32_t kInvalidBase = 0x110000;

// `position` is less than the text's size.
CodePoint DecodeAt(std::string_view text, size_t position);
// The start of the code point that ends at `end` > 0.
size_t StepBack(std::string_view text, size_t end);
void AppendUtf8(char32_t value, std::string* out);
bool IsValidUtf8(std::string_view text);
size_t CountCodePoints(std::string_view text);
// Byte offset of the code point number `index`; the text's size if there are fewer.
size_t ByteOffset(std::string_view text, size_t index);

// As Python's str.isspace, isalpha, … of one character.
bool IsSpace(char32_t value);
bool IsAlpha(char32_t value);
bool IsNumeric(char32_t value);
bool IsDecimal(char32_t value);
bool IsPrintable(char32_t value);
bool IsLower(char32_t value);
bool IsUpper(char32_t value);
bool IsTitle(char32_t value);
bool IsIdentifierStart(char32_t value);
bool IsIdentifierPart(char32_t value);
// Lines end as in str.splitlines.
bool IsLineBreak(char32_t value);

// Full case mappings (one character may become three).
void AppendUpper(char32_t value, std::string* out);
void AppendTitle(char32_t value, std::string* out);
void AppendLower(char32_t value, std::string* out);

}  // namespace moira::engine::jinja
