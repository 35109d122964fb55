#include "engine/chat_template/printing.h"

#include <charconv>
#include <cmath>

#include "engine/chat_template/loop.h"
#include "engine/chat_template/macro.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// Digits and decimal exponent of the shortest representation: value = 0.d1d2d3… × 10^point.
struct ShortestDigits {
  std::string digits;
  int point;
};

ShortestDigits Shortest(double magnitude) {
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), magnitude, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  const size_t e = text.find('e');
  ShortestDigits result;
  for (const char c : text.substr(0, e)) {
    if (c != '.') result.digits.push_back(c);
  }
  const char* exponent = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(exponent, text.data() + text.size(), result.point);
  ++result.point;
  return result;
}

void AppendEscaped(char32_t value, char quote, std::string* out) {
  switch (value) {
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\\':
      out->append("\\\\");
      return;
    default:
      break;
  }
  if (value == static_cast<char32_t>(quote)) {
    out->push_back('\\');
    out->push_back(quote);
  } else if (IsPrintable(value)) {
    AppendUtf8(value, out);
  } else if (value >= kInvalidBase) {
    AppendHexEscape("\\udc", 2, value - kInvalidBase, out);
  } else if (value < 0x100) {
    AppendHexEscape("\\x", 2, value, out);
  } else if (value < 0x10000) {
    AppendHexEscape("\\u", 4, value, out);
  } else {
    AppendHexEscape("\\U", 8, value, out);
  }
}

MarkedText QuotedText(Budget& budget, const MarkedText& text) {
  budget.Text(text.size());
  const bool single =
      text.bytes().find('\'') == std::string::npos || text.bytes().find('"') != std::string::npos;
  const char quote = single ? '\'' : '"';
  MarkedText result(std::string(1, quote));
  text.ForEachRun([&](std::string_view piece, bool untrusted) {
    std::string escaped;
    for (size_t at = 0; at < piece.size();) {
      const CodePoint point = DecodeAt(piece, at);
      AppendEscaped(point.value, quote, &escaped);
      at += point.size;
    }
    result.Append(escaped, untrusted);
  });
  budget.Text(result.size());
  result.Append(std::string_view(&quote, 1));
  return result;
}

// Writes a repr() piece by piece. Recursion is bounded by Value::kMaxDepth, and by `depth_` where a
// namespace leads back to itself.
class ReprWriter {
 public:
  explicit ReprWriter(Budget& budget) : budget_(budget) {}

  void Write(const Value& value) {
    budget_.Step();
    if (depth_ > Value::kMaxDepth) throw LimitExceeded("printed value is nested too deep");
    ++depth_;
    WriteValue(value);
    --depth_;
    budget_.Text(out_.size() - charged_);
    charged_ = out_.size();
    if (out_.size() > budget_.limits().output_bytes) throw LimitExceeded("printed value too large");
  }

  MarkedText Take() { return std::move(out_); }

 private:
  void WriteValue(const Value& value) {
    if (value.string()) {
      if (value.string()->markup) out_.Append("Markup(");
      out_.Append(QuotedText(budget_, value.string()->text));
      if (value.string()->markup) out_.Append(")");
    } else if (value.sequence()) {
      WriteSequence(*value.sequence());
    } else if (value.dict()) {
      WriteDict(*value.dict());
    } else if (value.view()) {
      out_.Append(TypeName(value) + "(");
      WriteItems(Iterate(budget_, value), "[", "]");
      out_.Append(")");
    } else if (value.name_space()) {
      out_.Append("<Namespace ");
      WriteDict(value.name_space()->attributes);
      out_.Append(">");
    } else {
      out_.Append(PlainRepr(value));
    }
  }

  void WriteItems(const std::vector<Value>& items, std::string_view open, std::string_view close) {
    out_.Append(open);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.Append(", ");
      Write(items[i]);
    }
    out_.Append(close);
  }

  void WriteSequence(const SequenceObject& sequence) {
    if (!sequence.is_tuple) return WriteItems(sequence.items, "[", "]");
    WriteItems(sequence.items, "(", sequence.items.size() == 1 ? ",)" : ")");
  }

  void WriteDict(const DictObject& dict) {
    out_.Append("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!first) out_.Append(", ");
      first = false;
      Write(key);
      out_.Append(": ");
      Write(value);
    }
    out_.Append("}");
  }

  std::string PlainRepr(const Value& value) const {
    if (value.is_none()) return "None";
    if (value.boolean()) return *value.boolean() ? "True" : "False";
    if (value.integer()) return std::to_string(*value.integer());
    if (value.floating()) return FloatRepr(*value.floating());
    if (value.undefined()) return "Undefined";
    if (const RangeObject* range = value.range()) {
      return "range(" + std::to_string(range->start) + ", " + std::to_string(range->stop) +
             (range->step == 1 ? "" : ", " + std::to_string(range->step)) + ")";
    }
    if (value.macro()) return "<Macro '" + value.macro()->name() + "'>";
    if (LoopObject* loop = value.loop()) {
      return "<LoopContext " + std::to_string(loop->index0 + 1) + "/" +
             std::to_string(loop->Length(budget_)) + ">";
    }
    // Python shows an address as well, which nothing can depend on.
    return "<" + TypeName(value) + " object>";
  }

  Budget& budget_;
  MarkedText out_;
  uint32_t depth_ = 0;
  size_t charged_ = 0;
};

}  // namespace

void AppendHexEscape(std::string_view prefix, int digits, uint32_t value, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out->append(prefix);
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out->push_back(kDigits[(value >> shift) & 0xF]);
  }
}

std::string FloatRepr(double value) {
  if (std::isnan(value)) return "nan";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return sign + "inf";
  ShortestDigits shortest = Shortest(std::fabs(value));
  std::string& digits = shortest.digits;
  const int point = shortest.point;
  const int count = static_cast<int>(digits.size());
  // The exponents at which Python's repr turns to scientific notation.
  if (value != 0 && (point < -3 || point > 16)) {
    if (count > 1) digits.insert(1, ".");
    const int exponent = point - 1;
    const std::string magnitude = std::to_string(std::abs(exponent));
    return sign + digits + (exponent < 0 ? "e-" : "e+") + (magnitude.size() < 2 ? "0" : "") +
           magnitude;
  }
  if (value == 0) return sign + "0.0";
  if (point <= 0) return sign + "0." + std::string(static_cast<size_t>(-point), '0') + digits;
  if (point >= count) {
    return sign + digits + std::string(static_cast<size_t>(point - count), '0') + ".0";
  }
  digits.insert(static_cast<size_t>(point), ".");
  return sign + digits;
}

std::string QuotedForMessage(std::string_view text) {
  static constexpr size_t kLongest = 200;
  std::string quoted = "'";
  for (size_t at = 0; at < text.size() && at < kLongest;) {
    const CodePoint point = DecodeAt(text, at);
    AppendEscaped(point.value, '\'', &quoted);
    at += point.size;
  }
  return quoted + (text.size() > kLongest ? "…'" : "'");
}

MarkedText Repr(Budget& budget, const Value& value) {
  ReprWriter writer(budget);
  writer.Write(value);
  return writer.Take();
}

MarkedText Str(Budget& budget, const Value& value) {
  if (value.string()) {
    budget.Text(value.string()->text.size());
    return value.string()->text;
  }
  if (value.undefined()) return {};
  return Repr(budget, value);
}

}  // namespace moira::engine::jinja
