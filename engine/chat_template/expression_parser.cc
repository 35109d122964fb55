#include "engine/chat_template/expression_parser.h"

#include <algorithm>
#include <array>

#include "engine/chat_template/globals.h"

namespace moira::engine::jinja {
namespace {

// Of an expression's tree: evaluating and destroying it recurse so deep.
constexpr uint32_t kMaxExpressionDepth = 400;

uint32_t DepthOf(const ExpressionPtr& expression) { return expression ? expression->depth : 0; }

template <typename... Rest>
uint32_t DepthOf(const ExpressionPtr& first, const Rest&... rest) {
  return std::max(DepthOf(first), DepthOf(rest...));
}

uint32_t DepthOf(const std::vector<ExpressionPtr>& expressions) {
  uint32_t depth = 0;
  for (const ExpressionPtr& expression : expressions) depth = std::max(depth, DepthOf(expression));
  return depth;
}

uint32_t DepthOf(const ArgumentNodes& arguments) {
  uint32_t depth = std::max(DepthOf(arguments.positional),
                            DepthOf(arguments.rest_positional, arguments.rest_named));
  for (const auto& [name, value] : arguments.named) depth = std::max(depth, DepthOf(value));
  return depth;
}

ExpressionPtr Make(int line, uint32_t depth_below, Expression::Node node) {
  if (depth_below >= kMaxExpressionDepth) {
    throw NotSupported(
        line, "expression is nested or chained deeper than " + std::to_string(kMaxExpressionDepth));
  }
  return std::make_unique<const Expression>(Expression{line, depth_below + 1, std::move(node)});
}

ExpressionPtr MakeConstant(int line, Value value) {
  return Make(line, 0, ConstantNode{std::move(value)});
}

}  // namespace

ExpressionPtr ExpressionParser::ParseExpression() {
  const NestingGuard guard(nesting_, stream_.line());
  return ParseConditional();
}

bool ExpressionParser::AtTupleEnd() const {
  return stream_.At(TokenKind::kVariableEnd) || stream_.At(TokenKind::kBlockEnd) ||
         stream_.At(TokenKind::kEnd) || stream_.AtOperator(")");
}

ExpressionPtr ExpressionParser::ParseTuple(bool with_conditional, std::string_view end_name) {
  const NestingGuard guard(nesting_, stream_.line());
  const int line = stream_.line();
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!AtTupleEnd() && (end_name.empty() || !stream_.AtName(end_name))) {
    items.push_back(with_conditional ? ParseConditional() : ParseOr());
    if (!stream_.SkipOperator(",")) break;
    is_tuple = true;
  }
  if (items.empty()) stream_.Unexpected("an expression");
  if (!is_tuple) return std::move(items[0]);
  const uint32_t depth = DepthOf(items);
  return Make(line, depth, SequenceNode{std::move(items), true});
}

ExpressionPtr ExpressionParser::ParseConditional() {
  const int line = stream_.line();
  ExpressionPtr then = ParseOr();
  while (stream_.SkipName("if")) {
    const NestingGuard guard(nesting_, line);
    ExpressionPtr condition = ParseOr();
    ExpressionPtr otherwise;
    if (stream_.SkipName("else")) otherwise = ParseConditional();
    const uint32_t depth = DepthOf(condition, then, otherwise);
    then = Make(line, depth,
                ConditionalNode{std::move(condition), std::move(then), std::move(otherwise)});
  }
  return then;
}

ExpressionPtr ExpressionParser::ParseOr() {
  const int line = stream_.line();
  ExpressionPtr left = ParseAnd();
  while (stream_.SkipName("or")) {
    ExpressionPtr right = ParseAnd();
    const uint32_t depth = DepthOf(left, right);
    left = Make(line, depth, LogicNode{false, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseAnd() {
  const int line = stream_.line();
  ExpressionPtr left = ParseNot();
  while (stream_.SkipName("and")) {
    ExpressionPtr right = ParseNot();
    const uint32_t depth = DepthOf(left, right);
    left = Make(line, depth, LogicNode{true, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseNot() {
  const int line = stream_.line();
  if (!stream_.SkipName("not")) return ParseCompare();
  const NestingGuard guard(nesting_, line);
  ExpressionPtr operand = ParseNot();
  const uint32_t depth = DepthOf(operand);
  return Make(line, depth, UnaryNode{UnaryNode::Op::kNot, std::move(operand)});
}

ExpressionPtr ExpressionParser::ParseCompare() {
  static constexpr std::array<std::pair<std::string_view, CompareOp>, 6> kOps = {
      {{"==", CompareOp::kEqual},
       {"!=", CompareOp::kNotEqual},
       {"<", CompareOp::kLess},
       {"<=", CompareOp::kLessEqual},
       {">", CompareOp::kGreater},
       {">=", CompareOp::kGreaterEqual}}};
  const int line = stream_.line();
  CompareNode node;
  node.first = ParseSum();
  uint32_t depth = DepthOf(node.first);
  while (true) {
    const auto* op = std::find_if(kOps.begin(), kOps.end(),
                                  [this](const auto& o) { return stream_.AtOperator(o.first); });
    CompareOp kind = CompareOp::kIn;
    if (op != kOps.end()) {
      kind = op->second;
      stream_.Next();
    } else if (stream_.AtName("not") && TokenStream::Is(stream_.Look(), TokenKind::kName, "in")) {
      kind = CompareOp::kNotIn;
      stream_.Next();
      stream_.Next();
    } else if (!stream_.SkipName("in")) {
      break;
    }
    node.rest.emplace_back(kind, ParseSum());
    depth = std::max(depth, DepthOf(node.rest.back().second));
  }
  if (node.rest.empty()) return std::move(node.first);
  return Make(line, depth, std::move(node));
}

ExpressionPtr ExpressionParser::ParseSum() {
  const int line = stream_.line();
  ExpressionPtr left = ParseConcat();
  while (stream_.AtOperator("+") || stream_.AtOperator("-")) {
    const BinaryOp op = stream_.Next().text == "+" ? BinaryOp::kAdd : BinaryOp::kSubtract;
    ExpressionPtr right = ParseConcat();
    const uint32_t depth = DepthOf(left, right);
    left = Make(line, depth, BinaryNode{op, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseConcat() {
  const int line = stream_.line();
  std::vector<ExpressionPtr> parts;
  parts.push_back(ParseProduct());
  while (stream_.SkipOperator("~")) parts.push_back(ParseProduct());
  if (parts.size() == 1) return std::move(parts[0]);
  const uint32_t depth = DepthOf(parts);
  return Make(line, depth, ConcatNode{std::move(parts)});
}

ExpressionPtr ExpressionParser::ParseProduct() {
  static constexpr std::array<std::pair<std::string_view, BinaryOp>, 4> kOps = {
      {{"*", BinaryOp::kMultiply},
       {"/", BinaryOp::kDivide},
       {"//", BinaryOp::kFloorDivide},
       {"%", BinaryOp::kModulo}}};
  const int line = stream_.line();
  ExpressionPtr left = ParsePower();
  while (true) {
    const auto* op = std::find_if(kOps.begin(), kOps.end(),
                                  [this](const auto& o) { return stream_.AtOperator(o.first); });
    if (op == kOps.end()) return left;
    stream_.Next();
    ExpressionPtr right = ParsePower();
    const uint32_t depth = DepthOf(left, right);
    left = Make(line, depth, BinaryNode{op->second, std::move(left), std::move(right)});
  }
}

ExpressionPtr ExpressionParser::ParsePower() {
  const int line = stream_.line();
  ExpressionPtr left = ParseUnary(true);
  while (stream_.SkipOperator("**")) {
    ExpressionPtr right = ParseUnary(true);
    const uint32_t depth = DepthOf(left, right);
    left = Make(line, depth, BinaryNode{BinaryOp::kPower, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::ParseUnary(bool with_filter) {
  const int line = stream_.line();
  ExpressionPtr node;
  if (stream_.AtOperator("-") || stream_.AtOperator("+")) {
    const NestingGuard guard(nesting_, line);
    const auto op = stream_.Next().text == "-" ? UnaryNode::Op::kNegate : UnaryNode::Op::kPlus;
    ExpressionPtr operand = ParseUnary(false);
    const uint32_t depth = DepthOf(operand);
    node = Make(line, depth, UnaryNode{op, std::move(operand)});
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  return with_filter ? ParseFilters(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::ParsePrimary() {
  const Token& token = stream_.current();
  const int line = token.line;
  switch (token.kind) {
    case TokenKind::kName:
      return ParseName();
    case TokenKind::kString: {
      std::string text;  // adjacent literals are one
      while (stream_.At(TokenKind::kString)) text += stream_.Next().text;
      return MakeConstant(line, Value::String(text));
    }
    case TokenKind::kInteger:
      return MakeConstant(line, Value::Int(stream_.Next().integer));
    case TokenKind::kFloat:
      return MakeConstant(line, Value::Float(stream_.Next().floating));
    default:
      if (stream_.AtOperator("(")) return ParseParentheses();
      if (stream_.AtOperator("[")) return ParseList();
      if (stream_.AtOperator("{")) return ParseDict();
      stream_.Unexpected("an expression");
  }
}

ExpressionPtr ExpressionParser::ParseName() {
  const Token token = stream_.Next();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return MakeConstant(token.line, Value::Bool(true));
  if (name == "false" || name == "False") return MakeConstant(token.line, Value::Bool(false));
  if (name == "none" || name == "None") return MakeConstant(token.line, Value());
  NoteName(name);
  return Make(token.line, 0, NameNode{name});
}

void ExpressionParser::NoteName(const std::string& name) {
  for (MacroDefinition* macro : open_macros) {
    macro->uses_caller |= name == "caller";
    macro->uses_varargs |= name == "varargs";
    macro->uses_kwargs |= name == "kwargs";
  }
}

ExpressionPtr ExpressionParser::ParseParentheses() {
  const int line = stream_.line();
  stream_.ExpectOperator("(");
  if (stream_.SkipOperator(")")) return Make(line, 0, SequenceNode{{}, true});
  ExpressionPtr content = ParseTuple();
  stream_.ExpectOperator(")");
  return content;
}

ExpressionPtr ExpressionParser::ParseList() {
  const int line = stream_.line();
  stream_.ExpectOperator("[");
  std::vector<ExpressionPtr> items;
  while (!stream_.AtOperator("]")) {
    items.push_back(ParseExpression());
    if (!stream_.AtOperator("]")) stream_.ExpectOperator(",");
  }
  stream_.ExpectOperator("]");
  const uint32_t depth = DepthOf(items);
  return Make(line, depth, SequenceNode{std::move(items), false});
}

ExpressionPtr ExpressionParser::ParseDict() {
  const int line = stream_.line();
  stream_.ExpectOperator("{");
  DictNode node;
  uint32_t depth = 0;
  while (!stream_.AtOperator("}")) {
    ExpressionPtr key = ParseExpression();
    stream_.ExpectOperator(":");
    ExpressionPtr value = ParseExpression();
    depth = std::max(depth, DepthOf(key, value));
    node.entries.emplace_back(std::move(key), std::move(value));
    if (!stream_.AtOperator("}")) stream_.ExpectOperator(",");
  }
  stream_.ExpectOperator("}");
  return Make(line, depth, std::move(node));
}

ExpressionPtr ExpressionParser::ParsePostfix(ExpressionPtr object) {
  while (true) {
    if (stream_.AtOperator(".")) {
      object = ParseDot(std::move(object));
    } else if (stream_.AtOperator("[")) {
      object = ParseSubscript(std::move(object));
    } else if (stream_.AtOperator("(")) {
      object = ParseCall(std::move(object));
    } else {
      return object;
    }
  }
}

ExpressionPtr ExpressionParser::ParseDot(ExpressionPtr object) {
  const int line = stream_.Next().line;
  const uint32_t depth = DepthOf(object);
  if (stream_.At(TokenKind::kInteger)) {
    ExpressionPtr key = MakeConstant(line, Value::Int(stream_.Next().integer));
    return Make(line, depth, SubscriptNode{std::move(object), std::move(key)});
  }
  std::string name = stream_.Expect(TokenKind::kName, "a name or number").text;
  const auto* variable = std::get_if<NameNode>(&object->node);
  if (name == "changed" && variable && variable->name == "loop") {
    throw NotSupported(line, "loop.changed is not supported");
  }
  return Make(line, depth, AttributeNode{std::move(object), std::move(name)});
}

ExpressionPtr ExpressionParser::ParseSubscript(ExpressionPtr object) {
  const int line = stream_.Next().line;
  const auto at_bound_end = [this] { return stream_.AtOperator("]") || stream_.AtOperator(":"); };
  ExpressionPtr bounds[3];
  size_t colons = 0;
  while (true) {
    if (!at_bound_end()) bounds[colons] = ParseExpression();
    if (colons == 2 || !stream_.SkipOperator(":")) break;
    ++colons;
  }
  if (stream_.AtOperator(",")) throw NotSupported(line, "subscript with a comma");
  stream_.ExpectOperator("]");
  const uint32_t depth = DepthOf(object, bounds[0], bounds[1], bounds[2]);
  if (colons == 0) {
    if (!bounds[0]) throw SyntaxError(line, "subscript without a value");
    return Make(line, depth, SubscriptNode{std::move(object), std::move(bounds[0])});
  }
  return Make(line, depth,
              SliceNode{std::move(object), std::move(bounds[0]), std::move(bounds[1]),
                        std::move(bounds[2])});
}

ExpressionPtr ExpressionParser::ParseCall(ExpressionPtr callee) {
  const int line = stream_.line();
  const auto* variable = std::get_if<NameNode>(&callee->node);
  if (variable && IsUnsupportedGlobal(variable->name)) {
    throw NotSupported(line, "function '" + variable->name + "' is not supported");
  }
  ArgumentNodes arguments = ParseArguments();
  const uint32_t depth = std::max(DepthOf(callee), DepthOf(arguments));
  return Make(line, depth, CallNode{std::move(callee), std::move(arguments)});
}

ArgumentNodes ExpressionParser::ParseArguments() {
  const int line = stream_.line();
  stream_.ExpectOperator("(");
  ArgumentNodes arguments;
  while (!stream_.AtOperator(")")) {
    ParseArgument(line, &arguments);
    if (!stream_.AtOperator(")")) stream_.ExpectOperator(",");
  }
  stream_.ExpectOperator(")");
  return arguments;
}

void ExpressionParser::ParseArgument(int line, ArgumentNodes* arguments) {
  const auto ensure = [line](bool valid) {
    if (!valid) throw SyntaxError(line, "invalid syntax for function call expression");
  };
  if (stream_.SkipOperator("*")) {
    ensure(!arguments->rest_positional && !arguments->rest_named);
    arguments->rest_positional = ParseExpression();
  } else if (stream_.SkipOperator("**")) {
    ensure(!arguments->rest_named);
    arguments->rest_named = ParseExpression();
  } else if (stream_.At(TokenKind::kName) &&
             TokenStream::Is(stream_.Look(), TokenKind::kOperator, "=")) {
    ensure(!arguments->rest_named);
    std::string name = stream_.Next().text;
    stream_.Next();
    for (const auto& [known, value] : arguments->named) ensure(known != name);
    arguments->named.emplace_back(std::move(name), ParseExpression());
  } else {
    ensure(!arguments->rest_positional && !arguments->rest_named && arguments->named.empty());
    arguments->positional.push_back(ParseExpression());
  }
}

ExpressionPtr ExpressionParser::ParseFilters(ExpressionPtr input) {
  while (true) {
    if (stream_.SkipOperator("|")) {
      input = ParseFilter(std::move(input));
    } else if (stream_.AtName("is")) {
      input = ParsePredicate(std::move(input));
    } else if (stream_.AtOperator("(")) {
      input = ParseCall(std::move(input));
    } else {
      return input;
    }
  }
}

std::string ExpressionParser::ParseDottedName(std::string_view what) {
  std::string name = stream_.Expect(TokenKind::kName, what).text;
  while (stream_.SkipOperator(".")) name += "." + stream_.Expect(TokenKind::kName, what).text;
  return name;
}

ExpressionPtr ExpressionParser::ParseFilter(ExpressionPtr input) {
  const int line = stream_.line();
  const std::string name = ParseDottedName("the name of a filter");
  const Filter* filter = FindFilter(name);
  if (!filter) throw NotSupported(line, "filter '" + name + "' is not supported");
  ArgumentNodes arguments;
  if (stream_.AtOperator("(")) arguments = ParseArguments();
  const uint32_t depth = std::max(DepthOf(input), DepthOf(arguments));
  return Make(line, depth, FilterNode{std::move(input), filter, std::move(arguments)});
}

ExpressionPtr ExpressionParser::ParseBlockFilter(bool inline_first) {
  ExpressionPtr chain;
  if (inline_first) chain = ParseFilter(nullptr);
  while (stream_.SkipOperator("|")) chain = ParseFilter(std::move(chain));
  return chain;
}

ExpressionPtr ExpressionParser::ParsePredicate(ExpressionPtr input) {
  const int line = stream_.Next().line;
  const bool negated = stream_.SkipName("not");
  const std::string name = ParseDottedName("the name of a test");
  const Predicate* predicate = FindPredicate(name);
  if (!predicate) throw NotSupported(line, "test '" + name + "' is not supported");
  ArgumentNodes arguments = ParsePredicateArguments();
  const uint32_t depth = std::max(DepthOf(input), DepthOf(arguments));
  ExpressionPtr node =
      Make(line, depth, PredicateNode{std::move(input), predicate, std::move(arguments)});
  if (!negated) return node;
  const uint32_t below = DepthOf(node);
  return Make(line, below, UnaryNode{UnaryNode::Op::kNot, std::move(node)});
}

// `x is divisibleby 3` and `x is divisibleby(3)` are the same.
ArgumentNodes ExpressionParser::ParsePredicateArguments() {
  if (stream_.AtOperator("(")) return ParseArguments();
  ArgumentNodes arguments;
  const bool at_operand = stream_.At(TokenKind::kName) || stream_.At(TokenKind::kString) ||
                          stream_.At(TokenKind::kInteger) || stream_.At(TokenKind::kFloat) ||
                          stream_.AtOperator("[") || stream_.AtOperator("{");
  if (!at_operand || stream_.AtName("else") || stream_.AtName("or") || stream_.AtName("and")) {
    return arguments;
  }
  if (stream_.AtName("is")) throw SyntaxError(stream_.line(), "tests cannot be chained with is");
  const NestingGuard guard(nesting_, stream_.line());
  arguments.positional.push_back(ParsePostfix(ParsePrimary()));
  return arguments;
}

Target ExpressionParser::ParseTarget(bool with_namespace) {
  const NestingGuard guard(nesting_, stream_.line());
  Target tuple;
  tuple.line = stream_.line();
  const auto at_end = [this] {
    return stream_.AtName("in") || stream_.AtOperator("=") || stream_.AtOperator(")") ||
           stream_.AtOperator("|") || stream_.At(TokenKind::kBlockEnd);
  };
  while (!at_end()) {
    tuple.items.push_back(ParseSingleTarget(with_namespace));
    if (!stream_.SkipOperator(",")) break;
    tuple.is_tuple = true;
  }
  if (tuple.items.empty()) stream_.Unexpected("a name to assign to");
  if (tuple.is_tuple) return tuple;
  Target single = std::move(tuple.items[0]);
  return single;
}

Target ExpressionParser::ParseSingleTarget(bool with_namespace) {
  if (stream_.SkipOperator("(")) {
    Target inner = ParseTarget(with_namespace);
    stream_.ExpectOperator(")");
    return inner;
  }
  static constexpr std::array<std::string_view, 6> kConstants = {"true",  "True", "false",
                                                                 "False", "none", "None"};
  Target target;
  target.line = stream_.line();
  target.name = stream_.Expect(TokenKind::kName, "a name to assign to").text;
  if (std::find(kConstants.begin(), kConstants.end(), target.name) != kConstants.end()) {
    throw SyntaxError(target.line, "can't assign to '" + target.name + "'");
  }
  if (with_namespace && stream_.SkipOperator(".")) {
    target.attribute = stream_.Expect(TokenKind::kName, "an attribute's name").text;
    NoteName(target.name);
  }
  return target;
}

}  // namespace moira::engine::jinja
