#include "engine/chat_template/text_methods.h"

#include <algorithm>
#include <array>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_search.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

const MarkedText& TextOf(const Value& self) { return self.string()->text; }

// A result keeps what markupsafe.Markup would.
Value Like(const Value& self, MarkedText text) {
  return Value::String(std::move(text), self.string()->markup);
}

Value ListLike(Context& context, const Value& self, std::vector<MarkedText> parts) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (MarkedText& part : parts) items.push_back(Like(self, std::move(part)));
  return Value::List(context.budget(), std::move(items));
}

// An argument that goes into a Markup is escaped, unless it is one itself.
MarkedText Escaped(Context& context, const Value& self, const Value& argument) {
  const StringObject& string = *argument.string();
  const bool escape = self.string()->markup && !string.markup;
  return escape ? EscapeHtml(context.budget(), string.text) : string.text;
}

using TextOperation = MarkedText (*)(Budget&, const MarkedText&);

template <TextOperation kOperation>
Value Mapped(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str method", arguments, {});
  return Like(self, kOperation(context.budget(), TextOf(self)));
}

template <Side kSide>
Value StripMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("strip", arguments, {"chars"});
  const MarkedText* characters = bound.IsNone(0) ? nullptr : &bound.Text(0);
  return Like(self, Strip(context.budget(), TextOf(self), characters, kSide));
}

template <Side kSide>
Value SplitMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("split", arguments, {"sep", "maxsplit"});
  const int64_t limit = std::max<int64_t>(bound.IntOr(1, -1), -1);
  if (bound.IsNone(0)) {
    return ListLike(context, self, SplitWords(context.budget(), TextOf(self), limit, kSide));
  }
  const std::string& separator = bound.Text(0).bytes();
  if (separator.empty()) throw EvaluationError("empty separator");
  return ListLike(context, self, Split(context.budget(), TextOf(self), separator, limit, kSide));
}

Value SplitLinesMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("splitlines", arguments, {"keepends"});
  return ListLike(context, self,
                  SplitLines(context.budget(), TextOf(self), bound.TruthOr(0, false)));
}

template <Side kSide>
Value PartitionMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("partition", arguments, {"sep"}, 1);
  if (bound.Text(0).empty()) throw EvaluationError("empty separator");
  std::vector<MarkedText> parts =
      Split(context.budget(), TextOf(self), bound.Text(0).bytes(), 1, kSide);
  if (parts.size() == 2) {
    const size_t begin = parts[0].size();
    parts.insert(parts.begin() + 1, TextOf(self).Slice(begin, begin + bound.Text(0).size()));
  } else {
    parts.insert(kSide == Side::kLeft ? parts.end() : parts.begin(), 2, MarkedText());
  }
  std::vector<Value> items;
  for (MarkedText& part : parts) items.push_back(Like(self, std::move(part)));
  return Value::Tuple(context.budget(), std::move(items));
}

Value JoinMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"iterable"}, 1);
  std::vector<MarkedText> parts;
  for (const Value& item : Iterate(context.budget(), *bound[0])) {
    if (!item.string()) {
      throw EvaluationError("sequence item " + std::to_string(parts.size()) +
                            ": expected str instance, " + TypeName(item) + " found");
    }
    parts.push_back(Escaped(context, self, item));
  }
  return Like(self, Join(context.budget(), TextOf(self), parts));
}

Value ReplaceMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  bound.Text(1);  // checks the type
  return Like(
      self, Replace(context.budget(), TextOf(self), bound.Text(0),
                    Escaped(context, self, *bound[1]), std::max<int64_t>(bound.IntOr(2, -1), -1)));
}

// The part of the text that optional start and end arguments select, in bytes.
struct Window {
  size_t begin;
  size_t end;
  int64_t start;  // in code points
  bool valid;     // start is within the text
};

Window WindowOf(Context& context, const Value& self, const BoundArguments& bound, size_t first) {
  const std::string& bytes = TextOf(self).bytes();
  context.budget().Step(bytes.size() / 64);
  if (bound.IsNone(first) && bound.IsNone(first + 1)) return {0, bytes.size(), 0, true};
  const auto size = static_cast<int64_t>(CountCodePoints(bytes));
  const auto clamp = [size](int64_t index) {
    return std::clamp<int64_t>(index < 0 ? index + size : index, 0, size);
  };
  const int64_t raw_start = bound.IsNone(first) ? 0 : Index(*bound[first]);
  const int64_t start = clamp(raw_start);
  const int64_t end = bound.IsNone(first + 1) ? size : clamp(Index(*bound[first + 1]));
  return {ByteOffset(bytes, static_cast<size_t>(start)),
          ByteOffset(bytes, static_cast<size_t>(end)), start, raw_start <= size && start <= end};
}

template <Side kSide>
Value HasAffix(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("startswith", arguments, {"affix", "start", "end"}, 1);
  const Window window = WindowOf(context, self, bound, 1);
  std::vector<Value> affixes = {*bound[0]};
  if (bound[0]->is_tuple()) affixes = bound[0]->sequence()->items;
  if (!window.valid) return Value::Bool(false);
  const std::string_view text =
      std::string_view(TextOf(self).bytes()).substr(window.begin, window.end - window.begin);
  bool found = false;
  for (const Value& affix : affixes) {
    RequireDefined(affix);
    if (!affix.string()) throw EvaluationError("affix must be str, not " + TypeName(affix));
    const std::string& wanted = affix.string()->text.bytes();
    if (wanted.size() > text.size()) continue;
    const size_t at = kSide == Side::kLeft ? 0 : text.size() - wanted.size();
    found |= text.substr(at, wanted.size()) == wanted;
  }
  return Value::Bool(found);
}

template <Side kSide, bool kThrows>
Value FindMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("find", arguments, {"sub", "start", "end"}, 1);
  const std::string& wanted = bound.Text(0).bytes();
  const Window window = WindowOf(context, self, bound, 1);
  const std::string_view text =
      std::string_view(TextOf(self).bytes()).substr(window.begin, window.end - window.begin);
  std::vector<size_t> found;
  if (window.valid && wanted.empty()) {
    found = {kSide == Side::kLeft ? 0 : text.size()};
  } else if (window.valid) {
    found = FindAll(text, wanted, 1, kSide == Side::kRight);
  }
  if (!found.empty()) {
    return Value::Int(window.start +
                      static_cast<int64_t>(CountCodePoints(text.substr(0, found[0]))));
  }
  if (kThrows) throw EvaluationError("substring not found");
  return Value::Int(-1);
}

Value CountMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"sub", "start", "end"}, 1);
  const std::string& wanted = bound.Text(0).bytes();
  const Window window = WindowOf(context, self, bound, 1);
  if (!window.valid) return Value::Int(0);
  const std::string_view text =
      std::string_view(TextOf(self).bytes()).substr(window.begin, window.end - window.begin);
  if (wanted.empty()) return Value::Int(static_cast<int64_t>(CountCodePoints(text)) + 1);
  return Value::Int(static_cast<int64_t>(FindAll(text, wanted, -1, false).size()));
}

template <Side kSide>
Value RemoveAffix(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("removeprefix", arguments, {"affix"}, 1);
  const MarkedText& text = TextOf(self);
  const std::string& affix = bound.Text(0).bytes();
  context.budget().Text(text.size());
  if (affix.size() > text.size()) return self;
  const size_t at = kSide == Side::kLeft ? 0 : text.size() - affix.size();
  if (std::string_view(text.bytes()).substr(at, affix.size()) != affix) return self;
  return Like(self,
              kSide == Side::kLeft ? text.Slice(affix.size(), text.size()) : text.Slice(0, at));
}

// Pads to a width; kSide says where the text stands.
template <Side kSide>
Value PadMethod(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("pad", arguments, {"width", "fillchar"}, 1);
  const int64_t size = Length(context.budget(), self);
  const int64_t missing = Index(*bound[0]) - size;
  const MarkedText fill = bound.IsGiven(1) ? bound.Text(1) : MarkedText(" ");
  if (CountCodePoints(fill.bytes()) != 1) {
    throw EvaluationError("the fill character must be exactly one character long");
  }
  if (missing <= 0) return self;
  // str.center puts the odd one to the left if the width is odd.
  const int64_t left = kSide == Side::kLeft    ? 0
                       : kSide == Side::kRight ? missing
                                               : missing / 2 + (missing & (missing + size) & 1);
  MarkedText result = Repeat(context.budget(), fill, static_cast<size_t>(left));
  result.Append(TextOf(self));
  result.Append(Repeat(context.budget(), fill, static_cast<size_t>(missing - left)));
  return Like(self, std::move(result));
}

Value ZeroFill(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("zfill", arguments, {"width"}, 1);
  const int64_t missing = Index(*bound[0]) - Length(context.budget(), self);
  if (missing <= 0) return self;
  const MarkedText& text = TextOf(self);
  const size_t sign = !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+') ? 1 : 0;
  MarkedText result = text.Slice(0, sign);
  result.Append(Repeat(context.budget(), MarkedText("0"), static_cast<size_t>(missing)));
  result.Append(text, sign, text.size());
  return Like(self, std::move(result));
}

using CharacterTest = bool (*)(char32_t);
// Decimal digits and the superscripts and subscripts among the other numbers.
bool IsDigit(char32_t value) {
  return IsDecimal(value) || value == 0xB2 || value == 0xB3 || value == 0xB9 || value == 0x2070 ||
         (value >= 0x2074 && value <= 0x2079) || (value >= 0x2080 && value <= 0x2089);
}
bool IsAlphanumeric(char32_t value) { return IsAlpha(value) || IsNumeric(value); }

// All characters, and at least one, pass.
template <CharacterTest kTest>
Value AllCharacters(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str test", arguments, {});
  const std::string& bytes = TextOf(self).bytes();
  context.budget().Step(bytes.size() / 64);
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = DecodeAt(bytes, at);
    if (!kTest(point.value)) return Value::Bool(false);
    at += point.size;
  }
  return Value::Bool(!bytes.empty());
}

template <bool kUpper>
Value CaseTest(Context&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("str test", arguments, {});
  return Value::Bool(IsCased(TextOf(self).bytes(), kUpper));
}

Value IsAscii(Context&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("isascii", arguments, {});
  const std::string& bytes = TextOf(self).bytes();
  return Value::Bool(std::all_of(bytes.begin(), bytes.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

struct MethodEntry {
  std::string_view name;
  MethodFunction function;
};

constexpr std::array<MethodEntry, 38> kMethods = {{
    {"capitalize", &Mapped<Capitalize>},
    {"center", &PadMethod<Side::kBoth>},
    {"count", &CountMethod},
    {"endswith", &HasAffix<Side::kRight>},
    {"find", &FindMethod<Side::kLeft, false>},
    {"format", &FormatBraces},
    {"index", &FindMethod<Side::kLeft, true>},
    {"isalnum", &AllCharacters<IsAlphanumeric>},
    {"isalpha", &AllCharacters<IsAlpha>},
    {"isascii", &IsAscii},
    {"isdecimal", &AllCharacters<IsDecimal>},
    {"isdigit", &AllCharacters<IsDigit>},
    {"islower", &CaseTest<false>},
    {"isnumeric", &AllCharacters<IsNumeric>},
    {"isspace", &AllCharacters<IsSpace>},
    {"isupper", &CaseTest<true>},
    {"join", &JoinMethod},
    {"ljust", &PadMethod<Side::kLeft>},
    {"lower", &Mapped<Lower>},
    {"lstrip", &StripMethod<Side::kLeft>},
    {"partition", &PartitionMethod<Side::kLeft>},
    {"removeprefix", &RemoveAffix<Side::kLeft>},
    {"removesuffix", &RemoveAffix<Side::kRight>},
    {"replace", &ReplaceMethod},
    {"rfind", &FindMethod<Side::kRight, false>},
    {"rindex", &FindMethod<Side::kRight, true>},
    {"rjust", &PadMethod<Side::kRight>},
    {"rpartition", &PartitionMethod<Side::kRight>},
    {"rsplit", &SplitMethod<Side::kRight>},
    {"rstrip", &StripMethod<Side::kRight>},
    {"split", &SplitMethod<Side::kLeft>},
    {"splitlines", &SplitLinesMethod},
    {"startswith", &HasAffix<Side::kLeft>},
    {"strip", &StripMethod<Side::kBoth>},
    {"swapcase", &Mapped<SwapCase>},
    {"title", &Mapped<Title>},
    {"upper", &Mapped<Upper>},
    {"zfill", &ZeroFill},
}};

}  // namespace

MethodFunction FindTextMethod(std::string_view name) {
  const auto* found = std::find_if(kMethods.begin(), kMethods.end(),
                                   [name](const auto& entry) { return entry.name == name; });
  return found == kMethods.end() ? nullptr : found->function;
}

}  // namespace moira::engine::jinja
