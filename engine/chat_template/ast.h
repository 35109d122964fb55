#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/chat_template/filters.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/predicates.h"
#include "engine/chat_template/value.h"

// The syntax tree of a template. Const after parsing; shared by all renderings.
namespace moira::engine::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct ConstantNode {
  Value value;
};
struct NameNode {
  std::string name;
};
struct SequenceNode {
  std::vector<ExpressionPtr> items;
  bool is_tuple;
};
struct DictNode {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct AttributeNode {
  ExpressionPtr object;
  std::string name;
};
struct SubscriptNode {
  ExpressionPtr object;
  ExpressionPtr key;
};
struct SliceNode {  // bounds may be null
  ExpressionPtr object;
  ExpressionPtr start, stop, step;
};
struct ArgumentNodes {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest_positional;  // *expression, or null
  ExpressionPtr rest_named;       // **expression, or null
};
struct CallNode {
  ExpressionPtr callee;
  ArgumentNodes arguments;
};
struct FilterNode {
  ExpressionPtr input;  // null: the text of the block that is filtered
  const Filter* filter;
  ArgumentNodes arguments;
};
struct PredicateNode {
  ExpressionPtr input;
  const Predicate* predicate;
  ArgumentNodes arguments;
};
struct UnaryNode {
  enum class Op { kNegate, kPlus, kNot };
  Op op;
  ExpressionPtr operand;
};
struct BinaryNode {
  BinaryOp op;
  ExpressionPtr left, right;
};
struct LogicNode {
  bool is_and;
  ExpressionPtr left, right;
};
struct CompareNode {
  ExpressionPtr first;
  std::vector<std::pair<CompareOp, ExpressionPtr>> rest;
};
struct ConcatNode {
  std::vector<ExpressionPtr> parts;
};
struct ConditionalNode {
  ExpressionPtr condition, then, otherwise;  // otherwise may be null
};

struct Expression {
  using Node =
      std::variant<ConstantNode, NameNode, SequenceNode, DictNode, AttributeNode, SubscriptNode,
                   SliceNode, CallNode, FilterNode, PredicateNode, UnaryNode, BinaryNode, LogicNode,
                   CompareNode, ConcatNode, ConditionalNode>;
  int line;
  uint32_t depth;  // of the tree below: what evaluating and destroying it takes of the stack
  Node node;
};

struct Statement;
using Block = std::vector<std::unique_ptr<const Statement>>;

// What may stand left of an assignment: a name, namespace.attribute, or several of these.
struct Target {
  int line;
  std::string name;
  std::string attribute;      // of the namespace `name`, if not empty
  std::vector<Target> items;  // of a tuple
  bool is_tuple = false;
};

struct TextStatement {
  MarkedText text;
};
struct PrintStatement {
  ExpressionPtr value;
};
struct SetStatement {
  Target target;
  ExpressionPtr value;
};
struct SetBlockStatement {
  Target target;
  ExpressionPtr filter;  // may be null
  Block body;
};
struct ForStatement {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be null
  bool recursive;
  Block body;
  Block otherwise;
};
struct IfStatement {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct Parameter {
  std::string name;
  ExpressionPtr default_value;  // may be null
};
// Also the body of {% call %} and {% generation %}, which Jinja runs as macros.
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};
struct MacroStatement {
  MacroDefinition macro;
};
struct CallBlockStatement {
  MacroDefinition caller;
  ExpressionPtr call;  // null for {% generation %}: the body is called at once
};
struct FilterBlockStatement {
  ExpressionPtr filter;
  Block body;
};
struct WithStatement {
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Block body;
};
struct LoopControlStatement {
  bool is_break;
};

struct Statement {
  using Node = std::variant<TextStatement, PrintStatement, SetStatement, SetBlockStatement,
                            ForStatement, IfStatement, MacroStatement, CallBlockStatement,
                            FilterBlockStatement, WithStatement, LoopControlStatement>;
  int line;
  Node node;
};

}  // namespace moira::engine::jinja
