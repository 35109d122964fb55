#include "engine/chat_template/json_text.h"

#include <algorithm>
#include <cmath>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

void AppendUnicodeEscape(char32_t value, std::string* out) {
  if (value >= kInvalidBase) value = 0xDC00 + (value - kInvalidBase);
  if (value < 0x10000) return AppendHexEscape("\\u", 4, value, out);
  AppendHexEscape("\\u", 4, 0xD800 + ((value - 0x10000) >> 10), out);
  AppendHexEscape("\\u", 4, 0xDC00 + ((value - 0x10000) & 0x3FF), out);
}

void AppendJsonEscaped(char32_t value, bool ensure_ascii, std::string* out) {
  switch (value) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\f':
      out->append("\\f");
      return;
    case '\b':
      out->append("\\b");
      return;
    default:
      break;
  }
  if (value < 0x20 || (ensure_ascii && value > 0x7E)) return AppendUnicodeEscape(value, out);
  AppendUtf8(value, out);
}

std::string JsonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return FloatRepr(value);
}

// Recursion is bounded by Value::kMaxDepth.
class JsonWriter {
 public:
  JsonWriter(Budget& budget, const JsonStyle& style) : budget_(budget), style_(style) {}

  void Write(const Value& value) {
    budget_.Step();
    if (value.string()) {
      WriteString(value.string()->text);
    } else if (value.sequence()) {
      WriteList(value.sequence()->items);
    } else if (value.dict()) {
      WriteDict(*value.dict());
    } else {
      out_.Append(Scalar(value));
    }
    if (out_.size() > budget_.limits().output_bytes) throw LimitExceeded("JSON text too large");
    budget_.Text(out_.size() - charged_);
    charged_ = out_.size();
  }

  MarkedText Take() { return std::move(out_); }

 private:
  static std::string Scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.boolean()) return *value.boolean() ? "true" : "false";
    if (value.integer()) return std::to_string(*value.integer());
    if (value.floating()) return JsonFloat(*value.floating());
    throw EvaluationError("Object of type " + TypeName(value) + " is not JSON serializable");
  }

  void WriteString(const MarkedText& text) {
    budget_.Text(text.size());
    out_.Append("\"");
    text.ForEachRun([this](std::string_view piece, bool untrusted) {
      std::string escaped;
      for (size_t at = 0; at < piece.size();) {
        const CodePoint point = DecodeAt(piece, at);
        AppendJsonEscaped(point.value, style_.ensure_ascii, &escaped);
        at += point.size;
      }
      out_.Append(escaped, untrusted);
    });
    out_.Append("\"");
  }

  void BreakLine() {
    if (!style_.indent) return;
    out_.Append("\n");
    budget_.Text(style_.indent->size() * level_);
    for (size_t i = 0; i < level_; ++i) out_.Append(*style_.indent);
  }

  void WriteList(const std::vector<Value>& items) {
    if (items.empty()) return out_.Append("[]");
    out_.Append("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.Append(style_.item_separator);
      BreakLine();
      Write(items[i]);
    }
    --level_;
    BreakLine();
    out_.Append("]");
  }

  void WriteDict(const DictObject& dict) {
    if (dict.entries.empty()) return out_.Append("{}");
    std::vector<std::pair<Value, Value>> entries = dict.entries;
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [this](const auto& a, const auto& b) {
        return Less(budget_, a.first, b.first);
      });
    }
    out_.Append("{");
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.Append(style_.item_separator);
      BreakLine();
      WriteKey(entries[i].first);
      out_.Append(style_.key_separator);
      Write(entries[i].second);
    }
    --level_;
    BreakLine();
    out_.Append("}");
  }

  void WriteKey(const Value& key) {
    if (key.string()) return WriteString(key.string()->text);
    if (!key.is_none() && !key.IsNumber()) {
      throw EvaluationError("keys must be str, int, float, bool or None, not " + TypeName(key));
    }
    out_.Append("\"" + Scalar(key) + "\"");
  }

  Budget& budget_;
  const JsonStyle& style_;
  MarkedText out_;
  size_t level_ = 0;
  size_t charged_ = 0;
};

}  // namespace

MarkedText JsonText(Budget& budget, const Value& value, const JsonStyle& style) {
  JsonWriter writer(budget, style);
  writer.Write(value);
  return writer.Take();
}

}  // namespace moira::engine::jinja
