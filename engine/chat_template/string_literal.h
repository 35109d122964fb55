#pragma once

#include <string>
#include <string_view>

namespace moira::engine::jinja {

// The text of a string literal between its quotes, as Python's unicode-escape codec reads it.
// Throws Failure at `line` for a malformed escape.
std::string UnescapeString(std::string_view literal, int line);

}  // namespace moira::engine::jinja
