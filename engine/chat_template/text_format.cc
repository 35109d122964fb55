// str.format and the % operator of strings.
#include <algorithm>
#include <charconv>

#include "engine/chat_template/attributes.h"
#include "engine/chat_template/format_spec.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_methods.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Value NumberKey(std::string_view text) {
  int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) throw EvaluationError("too many decimal digits in format string");
  return Value::Int(number);
}

const Value* FindNamed(const Arguments& arguments, std::string_view name) {
  for (const auto& [key, value] : arguments.named) {
    if (key.string()->text.bytes() == name) return &value;
  }
  return nullptr;
}

// Fills the replacement fields of a str.format text.
class BraceFormatter {
 public:
  BraceFormatter(Context& context, const StringObject& format, const Arguments& arguments)
      : context_(context), format_(format), bytes_(format.text.bytes()), arguments_(arguments) {}

  MarkedText Run() {
    size_t literal = 0;
    for (size_t at = 0; at < bytes_.size();) {
      const char c = bytes_[at];
      if (c != '{' && c != '}') {
        ++at;
        continue;
      }
      result_.Append(format_.text, literal, at);
      if (at + 1 < bytes_.size() && bytes_[at + 1] == c) {
        result_.Append(format_.text, at, at + 1);
        at += 2;
      } else if (c == '}') {
        throw EvaluationError("Single '}' encountered in format string");
      } else {
        at = Field(at + 1);
      }
      literal = at;
    }
    result_.Append(format_.text, literal, bytes_.size());
    context_.budget().Text(result_.size());
    return std::move(result_);
  }

 private:
  // A field whose content begins at `begin`; gives the position behind its brace.
  size_t Field(size_t begin) {
    const size_t end = bytes_.find('}', begin);
    if (end == std::string_view::npos) throw EvaluationError("expected '}' before end of string");
    const std::string_view content = bytes_.substr(begin, end - begin);
    if (content.find('{') != std::string_view::npos) {
      throw EvaluationError("nested fields in a format string are not supported");
    }
    const size_t colon = content.find(':');
    std::string_view name = content.substr(0, colon);
    const std::string_view spec =
        colon == std::string_view::npos ? std::string_view() : content.substr(colon + 1);
    char conversion = '\0';
    if (name.size() >= 2 && name[name.size() - 2] == '!') {
      conversion = name.back();
      name.remove_suffix(2);
    }
    Append(Convert(Lookup(name), conversion), spec);
    context_.budget().Text(end - begin);
    if (result_.size() > context_.budget().limits().output_bytes) {
      context_.budget().Text(result_.size());
    }
    return end + 1;
  }

  Value Convert(const Value& value, char conversion) {
    if (conversion == '\0') return value;
    if (conversion == 's') return Value::String(Str(context_.budget(), value));
    if (conversion == 'r') return Value::String(Repr(context_.budget(), value));
    throw EvaluationError("unknown conversion specifier '" + std::string(1, conversion) + "'");
  }

  void Append(const Value& value, std::string_view spec) {
    const MarkedText text = spec.empty() ? Str(context_.budget(), value)
                                         : FormatValue(context_, value, ParseFormatSpec(spec));
    const bool escape = format_.markup && !(value.string() && value.string()->markup);
    result_.Append(escape ? EscapeHtml(context_.budget(), text) : text);
  }

  // "0", "name", "name.attribute", "0[key]", "".
  Value Lookup(std::string_view name) {
    size_t at = std::min(name.find_first_of(".["), name.size());
    Value value = First(name.substr(0, at));
    while (at < name.size()) {
      const bool is_attribute = name[at] == '.';
      size_t end = is_attribute ? std::min(name.find_first_of(".[", at + 1), name.size())
                                : name.find(']', at);
      if (end == std::string_view::npos) throw EvaluationError("missing ']' in format string");
      const std::string_view part = name.substr(at + 1, end - at - 1);
      if (is_attribute) {
        value = GetAttribute(context_, value, part);
      } else {
        value = GetItem(context_, value, IsNumber(part) ? NumberKey(part) : Value::String(part));
        ++end;
      }
      at = end;
    }
    return value;
  }

  Value First(std::string_view name) {
    if (!name.empty() && !IsNumber(name)) {
      if (const Value* value = FindNamed(arguments_, name)) return *value;
      throw EvaluationError("format string names " + QuotedForMessage(name) +
                            ", which is not given");
    }
    const auto index = name.empty() ? next_++ : static_cast<size_t>(NumberKey(name).AsInteger());
    if (index >= arguments_.positional.size()) {
      throw EvaluationError("Replacement index " + std::to_string(index) +
                            " out of range for positional args tuple");
    }
    return arguments_.positional[index];
  }

  Context& context_;
  const StringObject& format_;
  std::string_view bytes_;
  const Arguments& arguments_;
  size_t next_ = 0;  // number of the next field without a name
  MarkedText result_;
};

// Fills the conversions of a printf-style text.
class PercentFormatter {
 public:
  PercentFormatter(Context& context, const StringObject& format, const Value& values)
      : context_(context), format_(format), bytes_(format.text.bytes()), values_(values) {
    if (values.is_tuple()) {
      items_ = values.sequence()->items;
    } else {
      items_ = {values};
    }
  }

  MarkedText Run() {
    size_t literal = 0;
    for (size_t at = bytes_.find('%'); at != std::string_view::npos; at = bytes_.find('%', at)) {
      result_.Append(format_.text, literal, at);
      at = Conversion(at + 1);
      literal = at;
      if (result_.size() > context_.budget().limits().output_bytes) {
        context_.budget().Text(result_.size());
      }
    }
    result_.Append(format_.text, literal, bytes_.size());
    context_.budget().Text(result_.size());
    // What can be subscripted counts as a mapping, of which nothing needs to be used.
    const bool is_mapping = values_.dict() || values_.range() || values_.undefined() ||
                            (values_.sequence() && !values_.is_tuple());
    if (next_ < items_.size() && !is_mapping) {
      throw EvaluationError("not all arguments converted during string formatting");
    }
    return std::move(result_);
  }

 private:
  char At(size_t at) const {
    if (at >= bytes_.size()) throw EvaluationError("incomplete format");
    return bytes_[at];
  }

  // The conversion behind a % sign; gives the position behind it.
  size_t Conversion(size_t at) {
    const Value* named = nullptr;
    if (At(at) == '(') {
      const size_t end = bytes_.find(')', at);
      if (end == std::string_view::npos) throw EvaluationError("incomplete format key");
      named = Named(bytes_.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    FormatSpec spec;
    spec.align = '>';
    for (; std::string_view("-+ #0").find(At(at)) != std::string_view::npos; ++at) {
      if (At(at) == '-') spec.align = '<';
      if (At(at) == '+' || At(at) == ' ') spec.sign = At(at);
      if (At(at) == '#') spec.alternate = true;
      if (At(at) == '0' && spec.align == '>') spec.fill = '0';
    }
    spec.width = ReadSize(bytes_, &at).value_or(0);
    if (At(at) == '.') {
      ++at;
      spec.precision = ReadSize(bytes_, &at).value_or(0);
    }
    spec.type = At(at);
    if (spec.type == '%') {
      result_.Append(format_.text, at, at + 1);
    } else {
      Append(named ? *named : Next(), spec);
    }
    return at + 1;
  }

  const Value* Named(std::string_view name) {
    if (!values_.dict()) throw EvaluationError("format requires a mapping");
    const Value* value = values_.dict()->Find(name);
    if (!value) throw EvaluationError("format key " + QuotedForMessage(name) + " is missing");
    return value;
  }

  const Value& Next() {
    if (next_ >= items_.size()) throw EvaluationError("not enough arguments for format string");
    return items_[next_++];
  }

  void Append(const Value& value, FormatSpec spec) {
    Budget& budget = context_.budget();
    if (spec.type == 's' || spec.type == 'r') {
      const MarkedText text = spec.type == 's' ? Str(budget, value) : Repr(budget, value);
      spec.type = 's';
      spec.fill = ' ';
      MarkedText padded = FormatValue(context_, Value::String(text), spec);
      const bool escape = format_.markup && !(value.string() && value.string()->markup);
      result_.Append(escape ? EscapeHtml(budget, padded) : padded);
      return;
    }
    RequireDefined(value);
    if (!value.IsNumber()) {
      throw EvaluationError("%" + std::string(1, spec.type) +
                            " format: a real number is required, not " + TypeName(value));
    }
    if (spec.fill == '0') spec.align = '=';
    if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    if (spec.type == 'd') {
      // %d cuts a float's fraction off.
      const Value integer = value.floating() ? TruncatedInteger(*value.floating()) : value;
      spec.precision.reset();
      result_.Append(FormatValue(context_, integer, spec));
    } else {
      result_.Append(FormatValue(context_, value, spec));
    }
  }

  Context& context_;
  const StringObject& format_;
  std::string_view bytes_;
  const Value& values_;
  std::vector<Value> items_;
  size_t next_ = 0;
  MarkedText result_;
};

}  // namespace

Value FormatBraces(Context& context, const Value& self, const Arguments& arguments) {
  return Value::String(BraceFormatter(context, *self.string(), arguments).Run(),
                       self.string()->markup);
}

Value FormatPercent(Context& context, const Value& text, const Value& values) {
  return Value::String(PercentFormatter(context, *text.string(), values).Run(),
                       text.string()->markup);
}

}  // namespace moira::engine::jinja
