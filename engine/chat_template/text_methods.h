#pragma once

#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/text_ops.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// A method of Python's str; null for a name that is none, or that this interpreter does not know.
MethodFunction FindTextMethod(std::string_view name);

// str.format with the sandbox's formatter.
Value FormatBraces(Context& context, const Value& self, const Arguments& arguments);
// text % values, with a tuple, a dict or a single value.
Value FormatPercent(Context& context, const Value& text, const Value& values);

}  // namespace moira::engine::jinja
