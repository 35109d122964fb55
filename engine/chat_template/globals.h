#pragma once

#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// The functions that every template can call; null for no such function.
const FunctionObject* FindGlobal(std::string_view name);
// Functions of jinja2 that are refused when a template is parsed.
bool IsUnsupportedGlobal(std::string_view name);

}  // namespace moira::engine::jinja
