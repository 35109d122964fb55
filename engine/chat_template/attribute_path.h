#pragma once

#include <vector>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// What the `attribute` argument of a filter names: "a.b.0", or a number.
class AttributePath {
 public:
  // None gives the item itself.
  AttributePath(Context& context, const Value& attribute);
  // `otherwise` stands in for what is undefined on the way; may be null.
  Value Of(Context& context, Value item, const Value* otherwise = nullptr) const;

 private:
  std::vector<Value> parts_;
};

// A key to compare by: lower case unless the case counts.
Value ComparisonKey(Context& context, const Value& value, bool case_sensitive);

}  // namespace moira::engine::jinja
