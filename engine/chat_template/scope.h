#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// The variables of one block that has its own: the template, a loop's body, a macro's call, …
// Names are views into the syntax tree. Macros refer to their scope weakly, so scopes form no
// cycle.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}

  void Set(std::string_view name, Value value) {
    variables_.insert_or_assign(name, std::move(value));
  }

  // Null if neither this scope nor one around it has the variable.
  const Value* Find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->parent_.get()) {
      const auto found = scope->variables_.find(name);
      if (found != scope->variables_.end()) return &found->second;
    }
    return nullptr;
  }

  void Clear() { variables_.clear(); }

 private:
  std::shared_ptr<Scope> parent_;
  std::unordered_map<std::string_view, Value> variables_;
};

}  // namespace moira::engine::jinja
