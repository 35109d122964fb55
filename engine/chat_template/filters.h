#pragma once

#include <span>
#include <string_view>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

struct Filter {
  std::string_view name;
  Value (*apply)(Context&, const Value& input, const Arguments&);
};

// Null for a filter that Jinja does not have, or that this interpreter does not know.
const Filter* FindFilter(std::string_view name);

// The parts of the table, one per file.
std::span<const Filter> TextFilters();
std::span<const Filter> NumberFilters();
std::span<const Filter> SequenceFilters();
std::span<const Filter> SelectionFilters();

}  // namespace moira::engine::jinja
