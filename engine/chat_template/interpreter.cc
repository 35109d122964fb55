// Statements and calls; expressions are evaluated in interpreter_expressions.cc.
#include "engine/chat_template/interpreter.h"

#include <algorithm>

#include "engine/chat_template/interpreter_guards.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"

namespace moira::engine::jinja {

Interpreter::Interpreter(const DictObject& variables, const TemplateLimits& limits)
    : context_(limits), variables_(variables), scope_(std::make_shared<Scope>(nullptr)) {}

MarkedText Interpreter::Run(const Block& block) {
  OutputCapture output(this);
  Execute(block);
  return output.Take();
}

void Interpreter::Print(const MarkedText& text) {
  budget().Step(text.size() / 256);
  const size_t limit = budget().limits().output_bytes;
  if (text.size() > limit - std::min(limit, output_->size())) {
    throw LimitExceeded("output is larger than " + std::to_string(limit) + " bytes");
  }
  output_->Append(text);
}

Interpreter::Flow Interpreter::Execute(const Block& block) {
  for (const auto& statement : block) {
    const Flow flow = Execute(*statement);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::ExecuteIn(const ScopePtr& scope, const Block& block) {
  const ScopeSwitch inner(this, scope);
  return Execute(block);
}

Interpreter::Flow Interpreter::Execute(const Statement& statement) {
  budget().Step();
  const DepthGuard guard(&depth_, kMaxDepth, "statements");
  line_ = statement.line;
  return std::visit([this](const auto& node) { return Execute(node); }, statement.node);
}

Interpreter::Flow Interpreter::Execute(const TextStatement& node) {
  Print(node.text);
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const PrintStatement& node) {
  Print(Str(budget(), Evaluate(*node.value)));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const SetStatement& node) {
  Assign(node.target, Evaluate(*node.value));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Capture(const Block& block, MarkedText* text) {
  OutputCapture output(this);
  const Flow flow = ExecuteIn(std::make_shared<Scope>(scope_), block);
  *text = output.Take();
  return flow;
}

Interpreter::Flow Interpreter::Execute(const SetBlockStatement& node) {
  MarkedText text;
  const Flow flow = Capture(node.body, &text);
  if (flow != Flow::kNormal) return flow;
  Assign(node.target, node.filter ? ApplyBlockFilter(*node.filter, std::move(text))
                                  : Value::String(std::move(text)));
  return Flow::kNormal;
}

Value Interpreter::ApplyBlockFilter(const Expression& filter, MarkedText text) {
  const Value input = Value::String(std::move(text));
  const Value* outer = std::exchange(block_text_, &input);
  Value result = Evaluate(filter);
  block_text_ = outer;
  return result;
}

void Interpreter::Assign(const Target& target, const Value& value) {
  if (!target.attribute.empty()) return AssignNamespace(target, value);
  if (!target.is_tuple) return scope_->Set(target.name, value);
  const std::vector<Value> items = Iterate(budget(), value);
  if (items.size() != target.items.size()) {
    throw EvaluationError("cannot unpack " + std::to_string(items.size()) + " values into " +
                          std::to_string(target.items.size()));
  }
  for (size_t i = 0; i < items.size(); ++i) Assign(target.items[i], items[i]);
}

void Interpreter::AssignNamespace(const Target& target, const Value& value) {
  const Value object = Evaluate(NameNode{target.name});
  RequireDefined(object);
  if (!object.name_space()) {
    throw EvaluationError("cannot assign attribute on non-namespace object");
  }
  object.name_space()->attributes.Set(budget(), Value::String(target.attribute), value);
}

Interpreter::Flow Interpreter::Execute(const IfStatement& node) {
  for (const auto& [condition, block] : node.branches) {
    if (Truth(Evaluate(*condition))) return Execute(block);
  }
  return Execute(node.otherwise);
}

Interpreter::Flow Interpreter::Execute(const ForStatement& node) {
  return RunLoop(node, Evaluate(*node.iterable), 0);
}

std::shared_ptr<LoopObject> Interpreter::MakeLoop(const ForStatement& node, const Value& iterable) {
  std::function<bool(const Value&)> accept;
  if (node.condition) {
    accept = [this, &node, outer = scope_](const Value& item) {
      const ScopeSwitch inner(this, std::make_shared<Scope>(outer));
      Assign(node.target, item);
      return Truth(Evaluate(*node.condition));
    };
  }
  const bool sized = !iterable.iterator();
  return std::make_shared<LoopObject>(Iterate(budget(), iterable), sized, std::move(accept));
}

Interpreter::Flow Interpreter::RunLoop(const ForStatement& node, const Value& iterable,
                                       int64_t depth0) {
  const std::shared_ptr<LoopObject> loop = MakeLoop(node, iterable);
  struct Release {  // the condition refers to this interpreter's scopes
    LoopObject* loop;
    ~Release() { loop->accept = nullptr; }
  } const release{loop.get()};
  loop->depth0 = depth0;
  if (node.recursive) {
    loop->recursive = &node;
    loop->scope = scope_;
  }
  bool any_completed = false;
  const auto body_scope = std::make_shared<Scope>(scope_);
  while (const std::optional<Value> item = loop->Next()) {
    budget().Step();
    body_scope->Clear();
    const ScopeSwitch inner(this, body_scope);
    Assign(node.target, *item);
    scope_->Set("loop", Value::Loop(loop));
    const Flow flow = Execute(node.body);
    if (flow == Flow::kBreak) break;
    any_completed |= flow == Flow::kNormal;
  }
  // As jinja2: `else` also runs when every turn was left by break or continue.
  if (any_completed) return Flow::kNormal;
  return ExecuteIn(std::make_shared<Scope>(scope_), node.otherwise);
}

Interpreter::Flow Interpreter::Execute(const MacroStatement& node) {
  scope_->Set(node.macro.name,
              Value::Macro(std::make_shared<const MacroObject>(MacroObject{&node.macro, scope_})));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const CallBlockStatement& node) {
  const auto caller = std::make_shared<const MacroObject>(MacroObject{&node.caller, scope_});
  if (!node.call) {
    Print(Str(budget(), CallMacro(*caller, {})));
    return Flow::kNormal;
  }
  const CallNode& call = std::get<CallNode>(node.call->node);
  const Value callee = Evaluate(*call.callee);
  Arguments arguments = EvaluateArguments(call.arguments);
  arguments.named.emplace_back(Value::String("caller"), Value::Macro(caller));
  Print(Str(budget(), Call(callee, std::move(arguments))));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const FilterBlockStatement& node) {
  MarkedText text;
  const Flow flow = Capture(node.body, &text);
  if (flow != Flow::kNormal) return flow;
  Print(Str(budget(), ApplyBlockFilter(*node.filter, std::move(text))));
  return Flow::kNormal;
}

Interpreter::Flow Interpreter::Execute(const WithStatement& node) {
  const auto scope = std::make_shared<Scope>(scope_);
  for (const auto& [target, expression] : node.assignments) {
    const Value value = Evaluate(*expression);
    const ScopeSwitch inner(this, scope);
    Assign(target, value);
  }
  return ExecuteIn(scope, node.body);
}

Interpreter::Flow Interpreter::Execute(const LoopControlStatement& node) {
  return node.is_break ? Flow::kBreak : Flow::kContinue;
}

Value Interpreter::Call(const Value& callee, Arguments arguments) {
  RequireDefined(callee);
  if (callee.macro()) return CallMacro(*callee.macro(), std::move(arguments));
  if (callee.method()) return callee.method()->call(context_, callee.method()->self, arguments);
  if (callee.function()) return callee.function()->call(context_, arguments);
  if (callee.loop()) return CallLoop(*callee.loop(), arguments);
  throw EvaluationError("'" + TypeName(callee) + "' object is not callable");
}

Value Interpreter::CallLoop(const LoopObject& loop, const Arguments& arguments) {
  const ScopePtr scope = loop.scope.lock();
  if (!loop.recursive || !scope) {
    throw EvaluationError("the loop must have the 'recursive' marker to be called recursively");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    throw EvaluationError("loop() takes one argument");
  }
  const DepthGuard guard(&calls_, budget().limits().depth, "calls");
  const ScopeSwitch outer(this, scope);
  OutputCapture output(this);
  RunLoop(*loop.recursive, arguments.positional[0], loop.depth0 + 1);
  return Value::String(output.Take());
}

Value Interpreter::CallMacro(const MacroObject& macro, Arguments arguments) {
  const DepthGuard guard(&calls_, budget().limits().depth, "calls");
  const ScopePtr defined_in = macro.scope.lock();
  if (!defined_in) {
    throw EvaluationError("macro '" + macro.name() + "' is called outside the block it belongs to");
  }
  const auto scope = std::make_shared<Scope>(defined_in);
  BindParameters(*macro.definition, &arguments, scope);
  const int line = line_;
  OutputCapture output(this);
  ExecuteIn(scope, macro.definition->body);
  line_ = line;
  return Value::String(output.Take());
}

namespace {

// The named argument, taken out of the list.
std::optional<Value> TakeNamed(Arguments* arguments, std::string_view name) {
  const auto found = std::find_if(
      arguments->named.begin(), arguments->named.end(),
      [name](const auto& entry) { return entry.first.string()->text.bytes() == name; });
  if (found == arguments->named.end()) return std::nullopt;
  Value value = std::move(found->second);
  arguments->named.erase(found);
  return value;
}

}  // namespace

void Interpreter::BindParameters(const MacroDefinition& definition, Arguments* arguments,
                                 const ScopePtr& scope) {
  const auto& parameters = definition.parameters;
  bool has_caller_parameter = false;
  std::vector<const Parameter*> missing;
  for (size_t i = 0; i < parameters.size(); ++i) {
    has_caller_parameter |= parameters[i].name == "caller";
    std::optional<Value> value;
    if (i < arguments->positional.size()) {
      value = arguments->positional[i];
    } else {
      value = TakeNamed(arguments, parameters[i].name);
    }
    if (value) {
      scope->Set(parameters[i].name, *value);
    } else {
      scope->Set(parameters[i].name,
                 Value::UndefinedHint("parameter '" + parameters[i].name + "' was not provided"));
      missing.push_back(&parameters[i]);
    }
  }
  if (definition.uses_caller && !has_caller_parameter) {
    const std::optional<Value> caller = TakeNamed(arguments, "caller");
    scope->Set("caller", caller ? *caller : Value::UndefinedHint("No caller defined"));
  }
  if (definition.uses_kwargs) {
    DictObject rest;
    for (const auto& [name, value] : arguments->named) rest.Set(budget(), name, value);
    scope->Set("kwargs", Value::Dict(std::move(rest)));
  } else if (!arguments->named.empty()) {
    throw EvaluationError("macro '" + definition.name + "' takes no keyword argument " +
                          QuotedForMessage(arguments->named[0].first.string()->text.bytes()));
  }
  const size_t used = std::min(parameters.size(), arguments->positional.size());
  if (definition.uses_varargs) {
    scope->Set("varargs", Value::Tuple(budget(), {arguments->positional.begin() +
                                                      static_cast<std::ptrdiff_t>(used),
                                                  arguments->positional.end()}));
  } else if (arguments->positional.size() > used) {
    throw EvaluationError("macro '" + definition.name + "' takes not more than " +
                          std::to_string(parameters.size()) + " argument(s)");
  }
  // Defaults may refer to the parameters before them.
  const ScopeSwitch inner(this, scope);
  for (const Parameter* parameter : missing) {
    if (parameter->default_value) scope->Set(parameter->name, Evaluate(*parameter->default_value));
  }
}

}  // namespace moira::engine::jinja
