#include "engine/chat_template/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/chat_template/failure.h"
#include "engine/chat_template/string_literal.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// Longer operators before their prefixes.
constexpr std::array<std::string_view, 25> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// All line ends become \n, and one at the very end is dropped (keep_trailing_newline is off).
std::string NormalizeLines(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      result.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      result.push_back(source[i]);
    }
  }
  if (!result.empty() && result.back() == '\n') result.pop_back();
  return result;
}

std::string_view StripRight(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t start = StepBack(text, end);
    if (!IsSpace(DecodeAt(text, start).value)) break;
    end = start;
  }
  return text.substr(0, end);
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)), rest_(source_) {}

  std::vector<Token> Run() {
    while (!rest_.empty()) LexText();
    Add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  void Add(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  // Takes `size` bytes off the input.
  void Advance(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    if (size > 0) at_line_start_ = taken.back() == '\n';
    rest_.remove_prefix(size);
  }

  size_t SpacesAt(size_t position) const {
    size_t end = position;
    while (end < rest_.size()) {
      const CodePoint point = DecodeAt(rest_, end);
      if (!IsSpace(point.value)) break;
      end += point.size;
    }
    return end - position;
  }

  bool StartsWithAt(size_t position, std::string_view text) const {
    return position <= rest_.size() && rest_.substr(position).substr(0, text.size()) == text;
  }

  // The size of a tag's end at `position` with the white space that it takes along, 0 if there is
  // none: `-%}` strips what follows, `+%}` nothing, `%}` one line end (trim_blocks).
  size_t EndSize(size_t position, std::string_view end, bool trims) const {
    if (StartsWithAt(position, "-" + std::string(end))) {
      const size_t size = 1 + end.size();
      return size + SpacesAt(position + size);
    }
    if (trims && StartsWithAt(position, "+" + std::string(end))) return 1 + end.size();
    if (!StartsWithAt(position, end)) return 0;
    return end.size() + (trims && StartsWithAt(position + end.size(), "\n") ? 1 : 0);
  }

  // Text before a tag; `sign` is the tag's own white space control.
  void AddText(std::string_view text, char sign, bool is_variable) {
    if (sign == '-') {
      text = StripRight(text);
    } else if (sign != '+' && !is_variable) {
      const size_t line_break = text.rfind('\n');
      const size_t line_begin = line_break == std::string_view::npos ? 0 : line_break + 1;
      if ((line_begin > 0 || at_line_start_) && StripRight(text.substr(line_begin)).empty()) {
        text = text.substr(0, line_begin);  // lstrip_blocks
      }
    }
    if (!text.empty()) Add(TokenKind::kText, std::string(text));
  }

  char SignAt(size_t position) const {
    const char c = position < rest_.size() ? rest_[position] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  // Text up to the next tag, and that tag.
  void LexText() {
    size_t open = rest_.find('{');
    while (open != std::string_view::npos && !StartsWithAt(open, "{%") &&
           !StartsWithAt(open, "{{") && !StartsWithAt(open, "{#")) {
      open = rest_.find('{', open + 1);
    }
    if (open == std::string_view::npos) {
      Add(TokenKind::kText, std::string(rest_));
      return Advance(rest_.size());
    }
    const char kind = rest_[open + 1];
    const char sign = SignAt(open + 2);
    AddText(rest_.substr(0, open), sign, kind == '{');
    Advance(open);
    const size_t raw = kind == '%' ? RawBeginSize() : 0;
    if (raw > 0) {
      Advance(raw);
      return LexRaw();
    }
    const int line = line_;
    Advance(2 + (sign ? 1 : 0));
    if (kind == '#') return LexComment(line);
    LexTag(kind == '%');
  }

  // The size of a `{% raw %}` at the front, 0 if there is another tag.
  size_t RawBeginSize() const {
    size_t at = 2 + (SignAt(2) ? 1 : 0);
    at += SpacesAt(at);
    if (!StartsWithAt(at, "raw")) return 0;
    at += 3;
    at += SpacesAt(at);
    if (StartsWithAt(at, "-%}")) return at + 3 + SpacesAt(at + 3);
    return StartsWithAt(at, "%}") ? at + 2 : 0;
  }

  void LexRaw() {
    for (size_t open = rest_.find("{%"); open != std::string_view::npos;
         open = rest_.find("{%", open + 1)) {
      const char sign = SignAt(open + 2);
      size_t at = open + 2 + (sign ? 1 : 0);
      at += SpacesAt(at);
      if (!StartsWithAt(at, "endraw")) continue;
      at += 6;
      at += SpacesAt(at);
      const size_t end = EndSize(at, "%}", true);
      if (end == 0) continue;
      AddText(rest_.substr(0, open), sign, false);
      return Advance(at + end);
    }
    throw SyntaxError(line_, "missing end of raw directive");
  }

  void LexComment(int line) {
    const size_t close = rest_.find("#}");
    if (close == std::string_view::npos) throw SyntaxError(line, "missing end of comment tag");
    const bool signed_end = close > 0 && (rest_[close - 1] == '-' || rest_[close - 1] == '+');
    const size_t end = signed_end ? close - 1 : close;
    Advance(end + EndSize(end, "#}", true));
  }

  void LexTag(bool is_block) {
    Add(is_block ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "");
    const std::string_view end = is_block ? "%}" : "}}";
    brackets_.clear();
    while (!rest_.empty()) {
      const size_t end_size = brackets_.empty() ? EndSize(0, end, is_block) : 0;
      if (end_size > 0) {
        Add(is_block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, "");
        return Advance(end_size);
      }
      if (const size_t spaces = SpacesAt(0)) {
        Advance(spaces);
      } else {
        LexToken();
      }
    }
    // The parser says what it misses.
  }

  void LexToken() {
    const char first = rest_[0];
    if (IsDigit(first)) return LexNumber();
    if (first == '\'' || first == '"') return LexString();
    if (IsIdentifierStart(DecodeAt(rest_, 0).value)) return LexName();
    for (const std::string_view op : kOperators) {
      if (!StartsWithAt(0, op)) continue;
      Balance(op);
      Add(TokenKind::kOperator, std::string(op));
      return Advance(op.size());
    }
    throw SyntaxError(
        line_, "unexpected character " + std::string(rest_.substr(0, DecodeAt(rest_, 0).size)));
  }

  void Balance(std::string_view op) {
    if (op == "(") brackets_.push_back(')');
    if (op == "[") brackets_.push_back(']');
    if (op == "{") brackets_.push_back('}');
    if (op != ")" && op != "]" && op != "}") return;
    if (brackets_.empty()) throw SyntaxError(line_, "unexpected '" + std::string(op) + "'");
    if (brackets_.back() != op[0]) {
      throw SyntaxError(line_, "unexpected '" + std::string(op) + "', expected '" +
                                   std::string(1, brackets_.back()) + "'");
    }
    brackets_.pop_back();
  }

  void LexName() {
    size_t end = 0;
    while (end < rest_.size()) {
      const CodePoint point = DecodeAt(rest_, end);
      if (!IsIdentifierPart(point.value)) break;
      end += point.size;
    }
    Add(TokenKind::kName, std::string(rest_.substr(0, end)));
    Advance(end);
  }

  void LexString() {
    const char quote = rest_[0];
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) throw SyntaxError(line_, "string without end");
    Add(TokenKind::kString, UnescapeString(rest_.substr(1, end - 1), line_));
    Advance(end + 1);
  }

  // The end of digits_digits from `position` on; `position` if there is no digit.
  size_t DigitsEnd(size_t position) const {
    while (position < rest_.size() && IsDigit(rest_[position])) {
      ++position;
      if (position + 1 < rest_.size() && rest_[position] == '_' && IsDigit(rest_[position + 1])) {
        ++position;
      }
    }
    return position;
  }

  void LexNumber() {
    const size_t integer_end = DigitsEnd(0);
    size_t end = integer_end;
    if (end < rest_.size() && rest_[end] == '.' && DigitsEnd(end + 1) > end + 1) {
      end = DigitsEnd(end + 1);
    }
    if (end < rest_.size() && (rest_[end] == 'e' || rest_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < rest_.size() && (rest_[exponent] == '+' || rest_[exponent] == '-')) ++exponent;
      if (DigitsEnd(exponent) > exponent) end = DigitsEnd(exponent);
    }
    // A number behind a dot is a list index (`items.0.name`), never a fraction.
    const bool behind_dot =
        tokens_.back().kind == TokenKind::kOperator && tokens_.back().text == ".";
    if (end > integer_end && !behind_dot) return AddFloat(end);
    AddInteger(integer_end);
  }

  std::string Digits(size_t end) const {
    std::string digits(rest_.substr(0, end));
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    return digits;
  }

  void AddFloat(size_t end) {
    const std::string digits = Digits(end);
    Add(TokenKind::kFloat, digits);
    double& value = tokens_.back().floating;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc()) {
      throw NotSupported(line_, "number " + digits + " is out of a double's range");
    }
    Advance(end);
  }

  void AddInteger(size_t end) {
    int base = 10;
    if (rest_[0] == '0' && rest_.size() > 2 && end == 1) {
      const char marker = static_cast<char>(rest_[1] | 0x20);
      base = marker == 'x' ? 16 : marker == 'o' ? 8 : marker == 'b' ? 2 : 10;
    }
    size_t skip = 0;
    if (base != 10) {
      skip = 2;
      end = 2;
      while (end < rest_.size() &&
             (std::isxdigit(static_cast<unsigned char>(rest_[end])) != 0 || rest_[end] == '_')) {
        ++end;
      }
    }
    const std::string digits = Digits(end).substr(skip);
    if (base == 10 && digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string::npos) {
      throw SyntaxError(line_, "integer " + digits + " starts with 0");
    }
    Add(TokenKind::kInteger, digits);
    int64_t& value = tokens_.back().integer;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (read.ec == std::errc::result_out_of_range) {
      throw NotSupported(line_, "integer " + digits + " does not fit 64 bits");
    }
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) {
      throw SyntaxError(line_, "malformed integer " + digits);
    }
    Advance(end);
  }

  const std::string source_;
  std::string_view rest_;
  int line_ = 1;
  bool at_line_start_ = true;
  std::vector<char> brackets_;  // closing brackets that are due
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) { return Lexer(NormalizeLines(source)).Run(); }

}  // namespace moira::engine::jinja
