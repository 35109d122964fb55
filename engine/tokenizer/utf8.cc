#include "engine/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace moira::engine {

Utf8Character ReadUtf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto available = static_cast<utf8proc_ssize_t>(std::min<size_t>(text.size(), 4));
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t length = utf8proc_iterate(bytes, available, &value);
  if (length <= 0) return {0xFFFD, 1, false};
  return {static_cast<char32_t>(value), static_cast<size_t>(length), true};
}

void AppendUtf8(char32_t character, std::string& text) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const utf8proc_ssize_t length =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes.data());
  text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(length));
}

}  // namespace moira::engine
