#pragma once

#include <optional>
#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// object.name: methods and attributes come before the keys of a dict.
Value GetAttribute(Context& context, const Value& object, std::string_view name);
// object[key]: keys and indices come before attributes.
Value GetItem(Context& context, const Value& object, const Value& key);
// Only what Python's getattr finds, through the sandbox (what it forbids is an undefined value).
std::optional<Value> FindAttribute(Context& context, const Value& object, std::string_view name);

}  // namespace moira::engine::jinja
