#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moira::engine::jinja {

enum class TokenKind {
  kText,  // template data between the tags
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;  // unescaped for a string
  int64_t integer = 0;
  double floating = 0;
};

// The tokens of a template as jinja2's lexer gives them with trim_blocks and lstrip_blocks,
// comments and raw blocks resolved; the last one is kEnd. Throws Failure with a line.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace moira::engine::jinja
