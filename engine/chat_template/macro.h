#pragma once

#include <memory>
#include <string>

#include "engine/chat_template/ast.h"
#include "engine/chat_template/scope.h"

namespace moira::engine::jinja {

// A macro as a value: its definition and the scope that it was defined in, which it does not keep
// alive.
struct MacroObject {
  const MacroDefinition* definition;
  std::weak_ptr<Scope> scope;

  const std::string& name() const { return definition->name; }
};

}  // namespace moira::engine::jinja
