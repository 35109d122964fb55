#include "engine/chat_template/loop.h"

#include <algorithm>
#include <utility>

#include "engine/chat_template/context.h"

namespace moira::engine::jinja {
namespace {

Value Cycle(Context&, const Value& self, const Arguments& arguments) {
  if (arguments.positional.empty()) throw EvaluationError("no items for cycling given");
  const auto count = static_cast<int64_t>(arguments.positional.size());
  return arguments.positional[static_cast<size_t>(self.loop()->index0 % count)];
}

}  // namespace

LoopObject::LoopObject(std::vector<Value> source, bool sized,
                       std::function<bool(const Value&)> condition)
    : depth(1), accept(std::move(condition)), source_(std::move(source)) {
  for (const Value& item : source_) depth = std::max(depth, item.depth() + 1);
  if (sized && !accept) length_ = static_cast<int64_t>(source_.size());
}

const std::optional<Value>& LoopObject::Peek() {
  while (!after_ && position_ < source_.size()) {
    Value candidate = source_[position_++];
    if (!accept || accept(candidate)) after_ = std::move(candidate);
  }
  return after_;
}

std::optional<Value> LoopObject::Next() {
  Peek();
  if (!after_) return std::nullopt;
  ++index0;
  previous = std::exchange(current, std::exchange(after_, std::nullopt));
  return current;
}

int64_t LoopObject::Length(Budget& budget) {
  if (length_) return *length_;
  std::vector<Value> rest = TakeRest(budget);
  accept = nullptr;
  length_ = static_cast<int64_t>(rest.size()) + index0 + 1;
  source_ = std::move(rest);
  position_ = 0;
  return *length_;
}

std::vector<Value> LoopObject::TakeRest(Budget& budget) {
  std::vector<Value> rest;
  budget.Items(source_.size() - position_ + 1);
  while (Peek()) rest.push_back(*std::exchange(after_, std::nullopt));
  return rest;
}

std::optional<Value> LoopObject::Attribute(Budget& budget, std::string_view name) {
  if (name == "index0") return Value::Int(index0);
  if (name == "index") return Value::Int(index0 + 1);
  if (name == "first") return Value::Bool(index0 == 0);
  if (name == "last") return Value::Bool(!Peek());
  if (name == "length") return Value::Int(Length(budget));
  if (name == "revindex0") return Value::Int(Length(budget) - index0 - 1);
  if (name == "revindex") return Value::Int(Length(budget) - index0);
  if (name == "depth0") return Value::Int(depth0);
  if (name == "depth") return Value::Int(depth0 + 1);
  if (name == "previtem") {
    return previous ? *previous : Value::UndefinedHint("there is no previous item");
  }
  if (name == "nextitem") {
    return Peek() ? *after_ : Value::UndefinedHint("there is no next item");
  }
  return std::nullopt;
}

MethodFunction FindLoopMethod(std::string_view name) {
  if (name == "cycle") return &Cycle;
  return nullptr;
}

}  // namespace moira::engine::jinja
