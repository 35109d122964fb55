#pragma once

#include <memory>
#include <string_view>

#include "engine/chat_template/ast.h"
#include "engine/chat_template/context.h"
#include "engine/chat_template/loop.h"
#include "engine/chat_template/macro.h"
#include "engine/chat_template/scope.h"

namespace moira::engine::jinja {

// Runs one template once. Throws Failure. Not thread-safe: one per rendering.
class Interpreter {
 public:
  // `variables` is a dict; it and the tree outlive the interpreter.
  Interpreter(const DictObject& variables, const TemplateLimits& limits);

  MarkedText Run(const Block& block);
  // Of the node that is being evaluated.
  int line() const { return line_; }

 private:
  enum class Flow { kNormal, kBreak, kContinue };
  using ScopePtr = std::shared_ptr<Scope>;
  class DepthGuard;
  class OutputCapture;
  class ScopeSwitch;

  // Expressions and statements nested on the stack, those of macros included: with sanitizers a
  // level takes up to 4 KiB of a thread's 8 MiB.
  static constexpr uint32_t kMaxDepth = 1000;

  Budget& budget() { return context_.budget(); }
  void Print(const MarkedText& text);

  Flow Execute(const Block& block);
  Flow ExecuteIn(const ScopePtr& scope, const Block& block);
  // Runs a block with variables of its own and without output; gives its text.
  Flow Capture(const Block& block, MarkedText* text);
  Flow Execute(const Statement& statement);
  Flow Execute(const TextStatement& node);
  Flow Execute(const PrintStatement& node);
  Flow Execute(const SetStatement& node);
  Flow Execute(const SetBlockStatement& node);
  Flow Execute(const ForStatement& node);
  Flow Execute(const IfStatement& node);
  Flow Execute(const MacroStatement& node);
  Flow Execute(const CallBlockStatement& node);
  Flow Execute(const FilterBlockStatement& node);
  Flow Execute(const WithStatement& node);
  Flow Execute(const LoopControlStatement& node);

  void Assign(const Target& target, const Value& value);
  void AssignNamespace(const Target& target, const Value& value);
  Flow RunLoop(const ForStatement& node, const Value& iterable, int64_t depth0);
  std::shared_ptr<LoopObject> MakeLoop(const ForStatement& node, const Value& iterable);
  Value CallMacro(const MacroObject& macro, Arguments arguments);
  void BindParameters(const MacroDefinition& definition, Arguments* arguments,
                      const ScopePtr& scope);
  Value CallLoop(const LoopObject& loop, const Arguments& arguments);
  Value Call(const Value& callee, Arguments arguments);
  // The text of a block through a chain of filters.
  Value ApplyBlockFilter(const Expression& filter, MarkedText text);

  Value Evaluate(const Expression& expression);
  Value Evaluate(const ConstantNode& node);
  Value Evaluate(const NameNode& node);
  Value Evaluate(const SequenceNode& node);
  Value Evaluate(const DictNode& node);
  Value Evaluate(const AttributeNode& node);
  Value Evaluate(const SubscriptNode& node);
  Value Evaluate(const SliceNode& node);
  Value Evaluate(const CallNode& node);
  Value Evaluate(const FilterNode& node);
  Value Evaluate(const PredicateNode& node);
  Value Evaluate(const UnaryNode& node);
  Value Evaluate(const BinaryNode& node);
  Value Evaluate(const LogicNode& node);
  Value Evaluate(const CompareNode& node);
  Value Evaluate(const ConcatNode& node);
  Value Evaluate(const ConditionalNode& node);
  // None for a null expression.
  Value EvaluateOrNone(const ExpressionPtr& expression);
  Arguments EvaluateArguments(const ArgumentNodes& nodes);

  Context context_;
  const DictObject& variables_;
  ScopePtr scope_;
  MarkedText* output_ = nullptr;
  const Value* block_text_ = nullptr;  // input of a block's filters, while they run
  uint32_t depth_ = 0;                 // of Evaluate, Execute on the stack
  uint32_t calls_ = 0;                 // macros on the stack
  int line_ = 0;
};

}  // namespace moira::engine::jinja
