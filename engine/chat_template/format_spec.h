#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// How one value is formatted: what Python's format specification and its printf conversions share.
struct FormatSpec {
  char fill = ' ';
  char align = '\0';  // '<', '>', '^', '=', none
  char sign = '-';    // '-', '+', ' '
  bool alternate = false;
  bool grouped = false;  // thousands by comma
  size_t width = 0;
  std::optional<size_t> precision;
  char type = '\0';
};

// "[[fill]align][sign][#][0][width][,][.precision][type]"; throws for what is none.
FormatSpec ParseFormatSpec(std::string_view spec);
// format(value, spec) of a number or string; other values have no specification.
MarkedText FormatValue(Context& context, const Value& value, const FormatSpec& spec);
// A width or precision at `text[*at]`, which is moved behind it; nothing if there is no digit.
std::optional<size_t> ReadSize(std::string_view text, size_t* at);

}  // namespace moira::engine::jinja
