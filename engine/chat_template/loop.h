#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

class Scope;
struct ForStatement;

// The `loop` variable: where a running {% for %} stands. Items are filtered when they are asked
// for, since a condition may depend on what the body did before.
struct LoopObject {
  // `accept` is empty for a loop without a condition.
  LoopObject(std::vector<Value> source, bool sized, std::function<bool(const Value&)> accept);

  // Goes to the next item; none at the end.
  std::optional<Value> Next();
  // Whether there is another item; looks one ahead.
  const std::optional<Value>& Peek();
  int64_t Length(Budget& budget);
  // All items that Next() has not given yet.
  std::vector<Value> TakeRest(Budget& budget);
  // An attribute of the `loop` variable; none if it has no such one.
  std::optional<Value> Attribute(Budget& budget, std::string_view name);

  uint32_t depth;  // of nested values, see Value
  int64_t index0 = -1;
  std::optional<Value> current;
  std::optional<Value> previous;
  // Emptied when the loop ends: it refers to the interpreter's stack.
  std::function<bool(const Value&)> accept;
  // Of a recursive loop: what loop(...) runs, and where.
  const ForStatement* recursive = nullptr;
  std::weak_ptr<Scope> scope;
  int64_t depth0 = 0;

 private:
  std::vector<Value> source_;
  size_t position_ = 0;
  std::optional<int64_t> length_;
  std::optional<Value> after_;
};

// Null for what is no method of the `loop` variable.
MethodFunction FindLoopMethod(std::string_view name);

}  // namespace moira::engine::jinja
