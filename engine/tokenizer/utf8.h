#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moira::engine {

// The character at the start of a text. Ill-formed bytes (Unicode 15, table 3-7: overlong forms,
// surrogates, stray continuations) are given one at a time, with `valid` false.
struct Utf8Character {
  char32_t value;
  size_t length;  // in bytes, at least 1
  bool valid;
};

Utf8Character ReadUtf8(std::string_view text);  // of a text that is not empty
void AppendUtf8(char32_t character, std::string& text);

}  // namespace moira::engine
