#include "engine/chat_template/parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "engine/chat_template/expression_parser.h"
#include "engine/chat_template/lexer.h"
#include "engine/chat_template/token_stream.h"

namespace moira::engine::jinja {
namespace {

// Statements of jinja2 that load other templates or change the environment.
constexpr std::array<std::string_view, 6> kUnsupportedTags = {"block", "extends",    "include",
                                                              "from",  "autoescape", "import"};

class Parser {
 public:
  explicit Parser(std::string_view source)
      : stream_(Tokenize(source)), expressions_(&stream_, &nesting_) {}

  Block ParseAll() {
    Block block = ParseBlock({});
    if (!stream_.At(TokenKind::kEnd)) stream_.Unexpected("end of template");
    return block;
  }

 private:
  template <typename Node>
  static void Add(Block* block, int line, Node node) {
    block->push_back(std::make_unique<const Statement>(Statement{line, std::move(node)}));
  }

  bool AtOneOf(std::initializer_list<std::string_view> names) const {
    return std::any_of(names.begin(), names.end(),
                       [this](std::string_view name) { return stream_.AtName(name); });
  }

  // Statements up to a tag of one of the names, which stays the current token; with no names, up
  // to the end of the template.
  Block ParseBlock(std::initializer_list<std::string_view> end_tags) {
    const NestingGuard guard(&nesting_, stream_.line());
    Block block;
    while (!stream_.At(TokenKind::kEnd)) {
      const int line = stream_.line();
      if (stream_.At(TokenKind::kText)) {
        Add(&block, line, TextStatement{MarkedText(stream_.Next().text)});
      } else if (stream_.At(TokenKind::kVariableBegin)) {
        stream_.Next();
        Add(&block, line, PrintStatement{expressions_.ParseTuple()});
        stream_.Expect(TokenKind::kVariableEnd, "end of print statement");
      } else {
        stream_.Expect(TokenKind::kBlockBegin, "a tag");
        if (AtOneOf(end_tags)) return block;
        ParseStatement(&block);
        stream_.Expect(TokenKind::kBlockEnd, "end of statement block");
      }
    }
    if (end_tags.size() > 0) {
      std::string expected;
      for (const std::string_view tag : end_tags) {
        expected += (expected.empty() ? "'" : " or '") + std::string(tag) + "'";
      }
      throw SyntaxError(stream_.line(), "unexpected end of template, looking for " + expected);
    }
    return block;
  }

  // The body of a tag: from its end to one of the end tags.
  Block ParseBody(std::initializer_list<std::string_view> end_tags) {
    stream_.SkipOperator(":");
    stream_.Expect(TokenKind::kBlockEnd, "end of statement block");
    return ParseBlock(end_tags);
  }

  Block ParseBodyTo(std::string_view end_tag) {
    Block body = ParseBody({end_tag});
    stream_.ExpectName(end_tag);
    return body;
  }

  void ParseStatement(Block* block) {
    const int line = stream_.line();
    const std::string tag = stream_.Expect(TokenKind::kName, "a tag name").text;
    if (tag == "set") return ParseSet(line, block);
    if (tag == "if") return ParseIf(line, block);
    if (tag == "for") return ParseFor(line, block);
    if (tag == "macro") return ParseMacro(line, block);
    if (tag == "call") return ParseCallBlock(line, block);
    if (tag == "generation") return ParseGeneration(line, block);
    if (tag == "filter") return ParseFilterBlock(line, block);
    if (tag == "with") return ParseWith(line, block);
    if (tag == "print") return ParsePrint(line, block);
    if (tag == "break" || tag == "continue") return ParseLoopControl(line, tag == "break", block);
    const bool known =
        std::find(kUnsupportedTags.begin(), kUnsupportedTags.end(), tag) != kUnsupportedTags.end();
    if (known) throw NotSupported(line, "statement '" + tag + "' is not supported");
    throw SyntaxError(line, "unknown tag '" + tag + "'");
  }

  void ParseSet(int line, Block* block) {
    Target target = expressions_.ParseTarget(true);
    if (stream_.SkipOperator("=")) {
      return Add(block, line, SetStatement{std::move(target), expressions_.ParseTuple()});
    }
    ExpressionPtr filter = expressions_.ParseBlockFilter(false);
    Block body = ParseBodyTo("endset");
    Add(block, line, SetBlockStatement{std::move(target), std::move(filter), std::move(body)});
  }

  void ParseIf(int line, Block* block) {
    IfStatement node;
    while (true) {
      ExpressionPtr condition = expressions_.ParseTuple(false);
      node.branches.emplace_back(std::move(condition), ParseBody({"elif", "else", "endif"}));
      if (!stream_.SkipName("elif")) break;
    }
    if (stream_.SkipName("else")) node.otherwise = ParseBody({"endif"});
    stream_.ExpectName("endif");
    Add(block, line, std::move(node));
  }

  void ParseFor(int line, Block* block) {
    ForStatement node;
    node.target = expressions_.ParseTarget(false);
    RequireNotLoop(node.target);
    stream_.ExpectName("in");
    node.iterable = expressions_.ParseTuple(false, "recursive");
    if (stream_.SkipName("if")) node.condition = expressions_.ParseExpression();
    node.recursive = stream_.SkipName("recursive");
    ++loops_;
    node.body = ParseBody({"endfor", "else"});
    --loops_;
    if (stream_.SkipName("else")) node.otherwise = ParseBody({"endfor"});
    stream_.ExpectName("endfor");
    Add(block, line, std::move(node));
  }

  static void RequireNotLoop(const Target& target) {
    if (target.name == "loop") {
      throw SyntaxError(target.line, "can't assign to special loop variable in for-loop target");
    }
    for (const Target& item : target.items) RequireNotLoop(item);
  }

  void ParseSignature(MacroDefinition* macro) {
    stream_.ExpectOperator("(");
    while (!stream_.AtOperator(")")) {
      Parameter parameter;
      const int line = stream_.line();
      parameter.name = stream_.Expect(TokenKind::kName, "a parameter's name").text;
      for (const Parameter& known : macro->parameters) {
        if (known.name == parameter.name) {
          throw SyntaxError(line, "two parameters are named '" + parameter.name + "'");
        }
      }
      if (stream_.SkipOperator("=")) {
        parameter.default_value = expressions_.ParseExpression();
      } else if (!macro->parameters.empty() && macro->parameters.back().default_value) {
        throw SyntaxError(line, "non-default argument follows default argument");
      }
      macro->parameters.push_back(std::move(parameter));
      if (!stream_.AtOperator(")")) stream_.ExpectOperator(",");
    }
    stream_.ExpectOperator(")");
  }

  // A body that runs as a macro: loops around it cannot be left from within.
  Block ParseMacroBody(MacroDefinition* macro, std::string_view end_tag) {
    const int loops_around = std::exchange(loops_, 0);
    expressions_.open_macros.push_back(macro);
    Block body = ParseBodyTo(end_tag);
    expressions_.open_macros.pop_back();
    loops_ = loops_around;
    return body;
  }

  void ParseMacro(int line, Block* block) {
    MacroStatement node;
    node.macro.name = stream_.Expect(TokenKind::kName, "a macro's name").text;
    ParseSignature(&node.macro);
    node.macro.body = ParseMacroBody(&node.macro, "endmacro");
    Add(block, line, std::move(node));
  }

  void ParseCallBlock(int line, Block* block) {
    CallBlockStatement node;
    node.caller.name = "caller";
    if (stream_.AtOperator("(")) ParseSignature(&node.caller);
    node.call = expressions_.ParseExpression();
    if (!std::holds_alternative<CallNode>(node.call->node))
      throw SyntaxError(line, "expected call");
    node.caller.body = ParseMacroBody(&node.caller, "endcall");
    Add(block, line, std::move(node));
  }

  void ParseGeneration(int line, Block* block) {
    CallBlockStatement node;
    node.caller.body = ParseMacroBody(&node.caller, "endgeneration");
    Add(block, line, std::move(node));
  }

  void ParseFilterBlock(int line, Block* block) {
    FilterBlockStatement node;
    node.filter = expressions_.ParseBlockFilter(true);
    node.body = ParseBodyTo("endfilter");
    Add(block, line, std::move(node));
  }

  void ParseWith(int line, Block* block) {
    WithStatement node;
    while (!stream_.At(TokenKind::kBlockEnd)) {
      if (!node.assignments.empty()) stream_.ExpectOperator(",");
      Target target = expressions_.ParseTarget(false);
      stream_.ExpectOperator("=");
      node.assignments.emplace_back(std::move(target), expressions_.ParseExpression());
    }
    node.body = ParseBodyTo("endwith");
    Add(block, line, std::move(node));
  }

  void ParsePrint(int line, Block* block) {
    while (!stream_.At(TokenKind::kBlockEnd)) {
      Add(block, line, PrintStatement{expressions_.ParseExpression()});
      if (!stream_.At(TokenKind::kBlockEnd)) stream_.ExpectOperator(",");
    }
  }

  void ParseLoopControl(int line, bool is_break, Block* block) {
    if (loops_ == 0) {
      throw SyntaxError(line, std::string(is_break ? "'break'" : "'continue'") + " outside a loop");
    }
    Add(block, line, LoopControlStatement{is_break});
  }

  TokenStream stream_;
  uint32_t nesting_ = 0;
  int loops_ = 0;  // open {% for %} bodies that a {% break %} could leave
  ExpressionParser expressions_;
};

}  // namespace

Block ParseTemplate(std::string_view source) { return Parser(source).ParseAll(); }

}  // namespace moira::engine::jinja
