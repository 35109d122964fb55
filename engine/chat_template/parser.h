#pragma once

#include <string_view>

#include "engine/chat_template/ast.h"

namespace moira::engine::jinja {

// The syntax tree of a template; throws Failure with a line: kInvalidData for what is no Jinja,
// kUnsupported for what Jinja has and this interpreter does not.
Block ParseTemplate(std::string_view source);

}  // namespace moira::engine::jinja
