#pragma once

#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// What Jinja calls a test: the word after `is`.
struct Predicate {
  std::string_view name;
  bool (*holds)(Context&, const Value& input, const Arguments&);
};

// Null for a test that Jinja does not have.
const Predicate* FindPredicate(std::string_view name);

}  // namespace moira::engine::jinja
