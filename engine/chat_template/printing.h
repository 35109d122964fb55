#pragma once

#include <string>
#include <string_view>

#include "engine/chat_template/budget.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// Python's str(value) and repr(value).
MarkedText Str(Budget& budget, const Value& value);
MarkedText Repr(Budget& budget, const Value& value);
// repr() of a float: the shortest digits that read back as the same number.
std::string FloatRepr(double value);
// repr() of a string without its marks, for messages.
std::string QuotedForMessage(std::string_view text);

// Four or eight lower-case hexadecimal digits of `value` behind `prefix`, as in "\u00e9".
void AppendHexEscape(std::string_view prefix, int digits, uint32_t value, std::string* out);

}  // namespace moira::engine::jinja
