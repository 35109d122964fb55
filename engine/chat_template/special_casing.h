#pragma once

#include <string_view>

namespace moira::engine::jinja {

struct SpecialCasing {
  char32_t value;
  std::string_view upper;
  std::string_view title;
};

// Null for a character whose case mappings are single characters.
const SpecialCasing* FindSpecialCasing(char32_t value);

}  // namespace moira::engine::jinja
