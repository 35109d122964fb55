#include <utility>

#include "engine/chat_template/attributes.h"
#include "engine/chat_template/globals.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/interpreter_guards.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"

namespace moira::engine::jinja {

Value Interpreter::Evaluate(const Expression& expression) {
  budget().Step();
  const DepthGuard guard(&depth_, kMaxDepth, "expressions");
  line_ = expression.line;
  return std::visit([this](const auto& node) { return Evaluate(node); }, expression.node);
}

Value Interpreter::EvaluateOrNone(const ExpressionPtr& expression) {
  return expression ? Evaluate(*expression) : Value();
}

Value Interpreter::Evaluate(const ConstantNode& node) { return node.value; }

Value Interpreter::Evaluate(const NameNode& node) {
  if (const Value* value = scope_->Find(node.name)) return *value;
  if (const Value* value = variables_.Find(node.name)) return *value;
  if (const FunctionObject* function = FindGlobal(node.name)) return Value::Function(function);
  return Value::Undefined(node.name);
}

Value Interpreter::Evaluate(const SequenceNode& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& item : node.items) items.push_back(Evaluate(*item));
  return node.is_tuple ? Value::Tuple(budget(), std::move(items))
                       : Value::List(budget(), std::move(items));
}

Value Interpreter::Evaluate(const DictNode& node) {
  DictObject dict;
  for (const auto& [key_node, value_node] : node.entries) {
    const Value key = Evaluate(*key_node);
    dict.Set(budget(), key, Evaluate(*value_node));
  }
  return Value::Dict(std::move(dict));
}

Value Interpreter::Evaluate(const AttributeNode& node) {
  return GetAttribute(context_, Evaluate(*node.object), node.name);
}

Value Interpreter::Evaluate(const SubscriptNode& node) {
  const Value object = Evaluate(*node.object);
  return GetItem(context_, object, Evaluate(*node.key));
}

Value Interpreter::Evaluate(const SliceNode& node) {
  const Value object = Evaluate(*node.object);
  const Value start = EvaluateOrNone(node.start);
  const Value stop = EvaluateOrNone(node.stop);
  return Slice(budget(), object, start, stop, EvaluateOrNone(node.step));
}

Value Interpreter::Evaluate(const CallNode& node) {
  const Value callee = Evaluate(*node.callee);
  return Call(callee, EvaluateArguments(node.arguments));
}

Arguments Interpreter::EvaluateArguments(const ArgumentNodes& nodes) {
  Arguments arguments;
  for (const ExpressionPtr& node : nodes.positional) {
    arguments.positional.push_back(Evaluate(*node));
  }
  for (const auto& [name, node] : nodes.named) {
    arguments.named.emplace_back(Value::String(name), Evaluate(*node));
  }
  if (nodes.rest_positional) {
    const Value rest = Evaluate(*nodes.rest_positional);
    for (Value& item : Iterate(budget(), rest)) arguments.positional.push_back(std::move(item));
  }
  if (nodes.rest_named) {
    const Value rest = Evaluate(*nodes.rest_named);
    RequireDefined(rest);
    if (!rest.dict()) {
      throw EvaluationError("argument after ** must be a mapping, not " + TypeName(rest));
    }
    budget().Items(2 * rest.dict()->entries.size());
    for (const auto& [key, value] : rest.dict()->entries) {
      if (!key.string()) throw EvaluationError("keywords must be strings");
      for (const auto& [known, known_value] : arguments.named) {
        if (Equal(budget(), known, key)) {
          throw EvaluationError("got multiple values for keyword argument " +
                                QuotedForMessage(key.string()->text.bytes()));
        }
      }
      arguments.named.emplace_back(key, value);
    }
  }
  return arguments;
}

Value Interpreter::Evaluate(const FilterNode& node) {
  const Value input = node.input ? Evaluate(*node.input) : *block_text_;
  const Arguments arguments = EvaluateArguments(node.arguments);
  return node.filter->apply(context_, input, arguments);
}

Value Interpreter::Evaluate(const PredicateNode& node) {
  const Value input = Evaluate(*node.input);
  const Arguments arguments = EvaluateArguments(node.arguments);
  return Value::Bool(node.predicate->holds(context_, input, arguments));
}

Value Interpreter::Evaluate(const UnaryNode& node) {
  const Value operand = Evaluate(*node.operand);
  switch (node.op) {
    case UnaryNode::Op::kNegate:
      return Negate(operand);
    case UnaryNode::Op::kPlus:
      return Plus(operand);
    case UnaryNode::Op::kNot:
      break;
  }
  return Value::Bool(!Truth(operand));
}

Value Interpreter::Evaluate(const BinaryNode& node) {
  const Value left = Evaluate(*node.left);
  const Value right = Evaluate(*node.right);
  return Binary(context_, node.op, left, right);
}

Value Interpreter::Evaluate(const LogicNode& node) {
  Value left = Evaluate(*node.left);
  if (Truth(left) != node.is_and) return left;
  return Evaluate(*node.right);
}

Value Interpreter::Evaluate(const CompareNode& node) {
  Value left = Evaluate(*node.first);
  for (const auto& [op, expression] : node.rest) {
    Value right = Evaluate(*expression);
    if (!Compare(budget(), op, left, right)) return Value::Bool(false);
    left = std::move(right);
  }
  return Value::Bool(true);
}

Value Interpreter::Evaluate(const ConcatNode& node) {
  MarkedText text;
  for (const ExpressionPtr& part : node.parts) {
    text.Append(Str(budget(), Evaluate(*part)));
    if (text.size() > budget().limits().output_bytes) budget().Text(text.size());
  }
  return Value::String(std::move(text));
}

Value Interpreter::Evaluate(const ConditionalNode& node) {
  if (Truth(Evaluate(*node.condition))) return Evaluate(*node.then);
  if (node.otherwise) return Evaluate(*node.otherwise);
  return Value::UndefinedHint(
      "the inline if-expression evaluated to false and no else section was defined.");
}

}  // namespace moira::engine::jinja
