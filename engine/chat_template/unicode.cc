#include "engine/chat_template/unicode.h"

#include <utf8proc.h>

#include "engine/chat_template/special_casing.h"

namespace moira::engine::jinja {
namespace {

bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

utf8proc_category_t Category(char32_t value) {
  if (value >= kInvalidBase) return UTF8PROC_CATEGORY_CS;
  return utf8proc_category(static_cast<utf8proc_int32_t>(value));
}

}  // namespace

CodePoint DecodeAt(std::string_view text, size_t position) {
  const auto first = static_cast<unsigned char>(text[position]);
  if (first < 0x80) return {first, 1};
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  const CodePoint invalid{kInvalidBase + first, 1};
  if (size == 1 || first > 0xF4 || position + size > text.size()) return invalid;
  char32_t value = first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[position + i]);
    if (!IsContinuation(byte)) return invalid;
    value = (value << 6) | (byte & 0x3F);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return invalid;
  return {value, size};
}

size_t StepBack(std::string_view text, size_t end) {
  for (size_t size = 2; size <= 4 && size <= end; ++size) {
    const size_t start = end - size;
    if (DecodeAt(text.substr(0, end), start).size == size) return start;
  }
  return end - 1;
}

void AppendUtf8(char32_t value, std::string* out) {
  const auto put = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (value >= kInvalidBase) {
    put(value - kInvalidBase);
  } else if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0 | (value >> 6));
    put(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    put(0xE0 | (value >> 12));
    put(0x80 | ((value >> 6) & 0x3F));
    put(0x80 | (value & 0x3F));
  } else {
    put(0xF0 | (value >> 18));
    put(0x80 | ((value >> 12) & 0x3F));
    put(0x80 | ((value >> 6) & 0x3F));
    put(0x80 | (value & 0x3F));
  }
}

bool IsValidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeAt(text, at);
    if (point.value >= kInvalidBase) return false;
    at += point.size;
  }
  return true;
}

size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += DecodeAt(text, at).size) ++count;
  return count;
}

size_t ByteOffset(std::string_view text, size_t index) {
  size_t at = 0;
  for (; index > 0 && at < text.size(); --index) at += DecodeAt(text, at).size;
  return at;
}

bool IsSpace(char32_t value) {
  if (value < 0x80)
    return value == ' ' || (value >= 9 && value <= 13) || (value >= 28 && value <= 31);
  if (value == 0x85) return true;
  const auto category = Category(value);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool IsAlpha(char32_t value) {
  const auto category = Category(value);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsNumeric(char32_t value) {
  const auto category = Category(value);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool IsDecimal(char32_t value) { return Category(value) == UTF8PROC_CATEGORY_ND; }

bool IsPrintable(char32_t value) {
  if (value == ' ') return true;
  switch (Category(value)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

bool IsLower(char32_t value) { return Category(value) == UTF8PROC_CATEGORY_LL; }
bool IsUpper(char32_t value) { return Category(value) == UTF8PROC_CATEGORY_LU; }
bool IsTitle(char32_t value) { return Category(value) == UTF8PROC_CATEGORY_LT; }

bool IsIdentifierStart(char32_t value) {
  return value == '_' || IsAlpha(value) || Category(value) == UTF8PROC_CATEGORY_NL;
}

bool IsIdentifierPart(char32_t value) {
  if (IsIdentifierStart(value) || IsDecimal(value)) return true;
  const auto category = Category(value);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_PC;
}

bool IsLineBreak(char32_t value) {
  return (value >= 10 && value <= 13) || (value >= 28 && value <= 30) || value == 0x85 ||
         value == 0x2028 || value == 0x2029;
}

void AppendUpper(char32_t value, std::string* out) {
  if (const SpecialCasing* special = FindSpecialCasing(value)) {
    out->append(special->upper);
    return;
  }
  if (value >= kInvalidBase) return AppendUtf8(value, out);
  AppendUtf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(value))), out);
}

void AppendTitle(char32_t value, std::string* out) {
  if (const SpecialCasing* special = FindSpecialCasing(value)) {
    out->append(special->title);
    return;
  }
  if (value >= kInvalidBase) return AppendUtf8(value, out);
  AppendUtf8(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(value))), out);
}

void AppendLower(char32_t value, std::string* out) {
  if (value == 0x130) {  // the one character whose lower case has two
    out->append("i\u0307");
    return;
  }
  if (value >= kInvalidBase) return AppendUtf8(value, out);
  AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(value))), out);
}

}  // namespace moira::engine::jinja
