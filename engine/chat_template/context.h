#pragma once

#include <deque>
#include <utility>

#include "engine/chat_template/budget.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// What operations need of the rendering that they are part of. Not thread-safe: one per rendering.
class Context {
 public:
  explicit Context(const TemplateLimits& limits) : budget_(limits) {}

  Budget& budget() { return budget_; }
  NamespaceObject* NewNamespace(NamespaceObject content) {
    budget_.Items(4);
    return &namespaces_.emplace_back(std::move(content));
  }

 private:
  Budget budget_;
  std::deque<NamespaceObject> namespaces_;  // addresses stay
};

}  // namespace moira::engine::jinja
