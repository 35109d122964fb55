#include "engine/chat_template/filters.h"

#include <algorithm>

namespace moira::engine::jinja {

const Filter* FindFilter(std::string_view name) {
  for (const std::span<const Filter> table :
       {TextFilters(), NumberFilters(), SequenceFilters(), SelectionFilters()}) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [name](const Filter& filter) { return filter.name == name; });
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

}  // namespace moira::engine::jinja
