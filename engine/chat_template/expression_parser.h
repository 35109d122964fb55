#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/chat_template/ast.h"
#include "engine/chat_template/token_stream.h"

namespace moira::engine::jinja {

// Parses expressions with jinja2's grammar and precedence. Recursion is bounded by NestingGuard.
class ExpressionParser {
 public:
  // `nesting` is shared with the statements around.
  ExpressionParser(TokenStream* stream, uint32_t* nesting) : stream_(*stream), nesting_(nesting) {}

  ExpressionPtr ParseExpression();
  // One expression, or several with commas between as a tuple. In a {% for %} and an {% if %} the
  // word `if` does not belong to the expression; `end_name` is a word that ends a tuple.
  ExpressionPtr ParseTuple(bool with_conditional = true, std::string_view end_name = "");
  // A chain of filters on a block's text; the first one is named without a pipe if `inline_first`.
  // Null if there is none.
  ExpressionPtr ParseBlockFilter(bool inline_first);
  // As left of an assignment; attributes of namespaces only in a {% set %}.
  Target ParseTarget(bool with_namespace);

  // The macros that are being parsed, innermost last: they learn what their body mentions.
  std::vector<MacroDefinition*> open_macros;

 private:
  ExpressionPtr ParseConditional();
  ExpressionPtr ParseOr();
  ExpressionPtr ParseAnd();
  ExpressionPtr ParseNot();
  ExpressionPtr ParseCompare();
  ExpressionPtr ParseSum();
  ExpressionPtr ParseConcat();
  ExpressionPtr ParseProduct();
  ExpressionPtr ParsePower();
  ExpressionPtr ParseUnary(bool with_filter);
  ExpressionPtr ParsePrimary();
  ExpressionPtr ParseName();
  ExpressionPtr ParseParentheses();
  ExpressionPtr ParseList();
  ExpressionPtr ParseDict();
  ExpressionPtr ParsePostfix(ExpressionPtr object);
  ExpressionPtr ParseFilters(ExpressionPtr input);
  ExpressionPtr ParseFilter(ExpressionPtr input);
  ExpressionPtr ParsePredicate(ExpressionPtr input);
  ExpressionPtr ParseDot(ExpressionPtr object);
  ExpressionPtr ParseSubscript(ExpressionPtr object);
  ExpressionPtr ParseCall(ExpressionPtr callee);
  ArgumentNodes ParseArguments();
  void ParseArgument(int line, ArgumentNodes* arguments);
  ArgumentNodes ParsePredicateArguments();
  std::string ParseDottedName(std::string_view what);
  bool AtTupleEnd() const;
  void NoteName(const std::string& name);
  Target ParseSingleTarget(bool with_namespace);

  TokenStream& stream_;
  uint32_t* nesting_;
};

}  // namespace moira::engine::jinja
