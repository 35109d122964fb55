// Filters that make text.
#include <array>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/filters.h"
#include "engine/chat_template/json_text.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_methods.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// soft_str: a string stays what it is, markup included.
StringObject SoftString(Context& context, const Value& value) {
  if (value.string()) return *value.string();
  return {Str(context.budget(), value), false};
}

using TextOperation = MarkedText (*)(Budget&, const MarkedText&);

template <TextOperation kOperation>
Value Mapped(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("filter", arguments, {});
  const StringObject string = SoftString(context, input);
  return Value::String(kOperation(context.budget(), string.text), string.markup);
}

Value ToString(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("string", arguments, {});
  const StringObject string = SoftString(context, input);
  return Value::String(string.text, string.markup);
}

Value Safe(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("safe", arguments, {});
  return Value::String(Str(context.budget(), input), true);
}

Value Escape(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("escape", arguments, {});
  if (input.string() && input.string()->markup) return input;
  return Value::String(EscapeHtml(context.budget(), Str(context.budget(), input)), true);
}

Value ForceEscape(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("forceescape", arguments, {});
  return Value::String(EscapeHtml(context.budget(), Str(context.budget(), input)), true);
}

// jinja2's own title: words begin behind white space, hyphens and opening brackets.
bool BeginsWord(char32_t value) {
  return IsSpace(value) || value == '-' || value == '(' || value == '{' || value == '[' ||
         value == '<';
}

MarkedText TitleWords(Budget& budget, const MarkedText& text) {
  const std::string& bytes = text.bytes();
  MarkedText result;
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    const bool separator = BeginsWord(DecodeAt(bytes, at).value);
    while (at < bytes.size() && BeginsWord(DecodeAt(bytes, at).value) == separator) {
      at += DecodeAt(bytes, at).size;
    }
    const size_t first = DecodeAt(bytes, begin).size;
    result.Append(Upper(budget, text.Slice(begin, begin + first)));
    result.Append(Lower(budget, text.Slice(begin + first, at)));
  }
  return result;
}

Value Trim(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("trim", arguments, {"chars"});
  const StringObject string = SoftString(context, input);
  const MarkedText* characters = bound.IsNone(0) ? nullptr : &bound.Text(0);
  return Value::String(Strip(context.budget(), string.text, characters, Side::kBoth),
                       string.markup);
}

Value ReplaceText(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  Budget& budget = context.budget();
  const int64_t limit = bound.IsNone(2) ? -1 : std::max<int64_t>(Index(*bound[2]), -1);
  return Value::String(
      Replace(budget, Str(budget, input), Str(budget, *bound[0]), Str(budget, *bound[1]), limit));
}

Value Center(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("center", arguments, {"width"});
  const StringObject string = SoftString(context, input);
  const Value self = Value::String(string.text, string.markup);
  return FindTextMethod("center")(context, self, {{bound.ValueOr(0, Value::Int(80))}, {}});
}

Value Format(Context& context, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    throw EvaluationError("can't handle positional and keyword arguments at the same time");
  }
  const StringObject string = SoftString(context, input);
  Value values;
  if (arguments.named.empty()) {
    values = Value::Tuple(context.budget(), arguments.positional);
  } else {
    DictObject named;
    for (const auto& [key, value] : arguments.named) named.Set(context.budget(), key, value);
    values = Value::Dict(std::move(named));
  }
  return FormatPercent(context, Value::String(string.text, string.markup), values);
}

Value Indent(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
  Budget& budget = context.budget();
  RequireDefined(input);
  if (!input.string()) throw EvaluationError("indent needs a str, not " + TypeName(input));
  const MarkedText indentation =
      bound.IsGiven(0) && bound[0]->string()
          ? bound.Text(0)
          : Repeat(budget, MarkedText(" "),
                   static_cast<size_t>(std::max<int64_t>(bound.IntOr(0, 4), 0)));
  const bool indent_blank = bound.TruthOr(2, false);
  MarkedText text = input.string()->text;
  text.Append("\n");  // so that an empty text is a line
  const std::vector<MarkedText> lines = SplitLines(budget, text, false);
  std::vector<MarkedText> indented;
  for (size_t i = 0; i < lines.size(); ++i) {
    MarkedText line;
    const bool indents = i == 0 ? bound.TruthOr(1, false) : indent_blank || !lines[i].empty();
    if (indents) line = indentation;
    budget.Text(line.size() + lines[i].size());
    line.Append(lines[i]);
    indented.push_back(std::move(line));
  }
  return Value::String(Join(budget, MarkedText("\n"), indented), input.string()->markup);
}

Value Truncate(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  Budget& budget = context.budget();
  if (input.is_undefined()) return input;
  if (!input.string()) throw EvaluationError("truncate needs a str, not " + TypeName(input));
  const MarkedText& text = input.string()->text;
  const MarkedText end = bound.IsGiven(2) ? bound.Text(2) : MarkedText("...");
  const int64_t length = bound.IntOr(0, 255);
  const int64_t leeway = bound.IsNone(3) ? 5 : Index(*bound[3]);
  const auto end_length = static_cast<int64_t>(CountCodePoints(end.bytes()));
  if (length < end_length || leeway < 0)
    throw EvaluationError("truncate: length or leeway too small");
  const auto size = static_cast<int64_t>(CountCodePoints(text.bytes()));
  budget.Text(text.size());
  if (size <= leeway || size - leeway <= length) return Value::String(text);
  MarkedText kept =
      text.Slice(0, ByteOffset(text.bytes(), static_cast<size_t>(length - end_length)));
  if (!bound.TruthOr(1, false)) kept = Split(budget, kept, " ", 1, Side::kRight)[0];
  kept.Append(end);
  return Value::String(std::move(kept));
}

Value WordCount(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("wordcount", arguments, {});
  const std::string bytes = SoftString(context, input).text.bytes();
  context.budget().Text(bytes.size());
  int64_t count = 0;
  bool in_word = false;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = DecodeAt(bytes, at);
    const bool part = point.value == '_' || IsAlpha(point.value) || IsNumeric(point.value);
    count += part && !in_word ? 1 : 0;
    in_word = part;
    at += point.size;
  }
  return Value::Int(count);
}

JsonStyle StyleOf(Context& context, const BoundArguments& bound) {
  JsonStyle style;
  style.ensure_ascii = bound.TruthOr(0, false);
  if (!bound.IsNone(1)) {
    style.indent = bound[1]->string()
                       ? bound.Text(1)
                       : Repeat(context.budget(), MarkedText(" "),
                                static_cast<size_t>(std::max<int64_t>(Index(*bound[1]), 0)));
  }
  style.item_separator = MarkedText(style.indent ? "," : ", ");
  style.key_separator = MarkedText(": ");
  if (!bound.IsNone(2)) {
    const std::vector<Value> separators = Iterate(context.budget(), *bound[2]);
    if (separators.size() != 2 || !separators[0].string() || !separators[1].string()) {
      throw EvaluationError("tojson: separators are not two strings");
    }
    style.item_separator = separators[0].string()->text;
    style.key_separator = separators[1].string()->text;
  }
  style.sort_keys = bound.TruthOr(3, false);
  return style;
}

// Hugging Face replaces jinja2's filter by json.dumps: no HTML escapes.
Value ToJson(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("tojson", arguments,
                             {"ensure_ascii", "indent", "separators", "sort_keys"});
  return Value::String(JsonText(context.budget(), input, StyleOf(context, bound)));
}

constexpr std::array<Filter, 17> kFilters = {{{"capitalize", &Mapped<Capitalize>},
                                              {"center", &Center},
                                              {"e", &Escape},
                                              {"escape", &Escape},
                                              {"forceescape", &ForceEscape},
                                              {"format", &Format},
                                              {"indent", &Indent},
                                              {"lower", &Mapped<Lower>},
                                              {"replace", &ReplaceText},
                                              {"safe", &Safe},
                                              {"string", &ToString},
                                              {"title", &Mapped<TitleWords>},
                                              {"tojson", &ToJson},
                                              {"trim", &Trim},
                                              {"truncate", &Truncate},
                                              {"upper", &Mapped<Upper>},
                                              {"wordcount", &WordCount}}};

}  // namespace

std::span<const Filter> TextFilters() { return kFilters; }

}  // namespace moira::engine::jinja
