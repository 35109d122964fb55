#pragma once

#include <string_view>

#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// Methods of list, tuple and dict that do not change them; null for another name.
MethodFunction FindSequenceMethod(std::string_view name, bool is_tuple);
MethodFunction FindDictMethod(std::string_view name);

}  // namespace moira::engine::jinja
