#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/chat_template/chat_template.h"
#include "engine/chat_template/failure.h"
#include "engine/chat_template/lexer.h"

namespace moira::engine::jinja {

// A cursor over the tokens of a template.
class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[position_]; }
  const Token& Look() const {
    return tokens_[position_ + 1 < tokens_.size() ? position_ + 1 : position_];
  }
  int line() const { return current().line; }
  // The current token; goes on to the next. The end stays the end.
  const Token& Next() {
    const Token& token = tokens_[position_];
    if (position_ + 1 < tokens_.size()) ++position_;
    return token;
  }

  bool At(TokenKind kind) const { return current().kind == kind; }
  bool AtOperator(std::string_view op) const { return Is(current(), TokenKind::kOperator, op); }
  bool AtName(std::string_view name) const { return Is(current(), TokenKind::kName, name); }
  static bool Is(const Token& token, TokenKind kind, std::string_view text) {
    return token.kind == kind && token.text == text;
  }

  bool SkipOperator(std::string_view op) { return AtOperator(op) && (Next(), true); }
  bool SkipName(std::string_view name) { return AtName(name) && (Next(), true); }
  void ExpectOperator(std::string_view op) {
    if (!SkipOperator(op)) Unexpected("'" + std::string(op) + "'");
  }
  void ExpectName(std::string_view name) {
    if (!SkipName(name)) Unexpected("'" + std::string(name) + "'");
  }
  const Token& Expect(TokenKind kind, std::string_view what) {
    if (!At(kind)) Unexpected(what);
    return Next();
  }

  // What the current token looks like in a message.
  std::string Describe() const {
    switch (current().kind) {
      case TokenKind::kText:
        return "template text";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kBlockEnd:
        return "end of statement block";
      case TokenKind::kVariableBegin:
        return "'{{'";
      case TokenKind::kVariableEnd:
        return "end of print statement";
      case TokenKind::kEnd:
        return "end of template";
      case TokenKind::kString:
        return "a string";
      default:
        return "'" + current().text + "'";
    }
  }
  [[noreturn]] void Unexpected(std::string_view expected) const {
    throw SyntaxError(line(), "expected " + std::string(expected) + ", got " + Describe());
  }

 private:
  std::vector<Token> tokens_;
  size_t position_ = 0;
};

// Counts one level of nesting of the source while it lives; refuses to go deeper than the limit.
class NestingGuard {
 public:
  NestingGuard(uint32_t* depth, int line) : depth_(depth) {
    static constexpr uint32_t kMax = TemplateLimits{}.depth;
    if (*depth_ >= kMax) {
      throw NotSupported(line, "template is nested deeper than " + std::to_string(kMax));
    }
    ++*depth_;
  }
  ~NestingGuard() { --*depth_; }
  NestingGuard(const NestingGuard&) = delete;
  NestingGuard& operator=(const NestingGuard&) = delete;

 private:
  uint32_t* depth_;
};

}  // namespace moira::engine::jinja
