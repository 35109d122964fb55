#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// The arguments of a call, matched with a function's parameters as Python does it. Throws for too
// many, unknown, doubled or missing ones.
class BoundArguments {
 public:
  BoundArguments(std::string_view function, const Arguments& arguments,
                 std::initializer_list<std::string_view> parameters, size_t required = 0);

  // Null if it was not given.
  const Value* operator[](size_t index) const { return values_[index]; }
  bool IsGiven(size_t index) const { return values_[index] != nullptr; }
  // Not given, or given as None.
  bool IsNone(size_t index) const { return !values_[index] || values_[index]->is_none(); }
  Value ValueOr(size_t index, const Value& otherwise) const {
    return values_[index] ? *values_[index] : otherwise;
  }
  int64_t IntOr(size_t index, int64_t otherwise) const;
  bool TruthOr(size_t index, bool otherwise) const;
  // Throws for what is no string.
  const MarkedText& Text(size_t index) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

}  // namespace moira::engine::jinja
