#include "engine/chat_template/globals.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"

namespace moira::engine::jinja {
namespace {

// MAX_RANGE of jinja2's sandbox.
constexpr int64_t kMaxRangeItems = 100'000;

int64_t RangeBound(const Value& value) {
  const int64_t bound = Index(value);
  if (bound > kMaxRangeBound || bound < -kMaxRangeBound) {
    throw EvaluationError("range argument " + std::to_string(bound) + " is out of bounds");
  }
  return bound;
}

Value MakeRange(Context&, const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty()) {
    throw EvaluationError("range expected 1 to 3 arguments, got " + std::to_string(given.size()));
  }
  RangeObject range{0, 0, 1};
  range.stop = RangeBound(given[given.size() == 1 ? 0 : 1]);
  if (given.size() > 1) range.start = RangeBound(given[0]);
  if (given.size() > 2) range.step = RangeBound(given[2]);
  if (range.step == 0) throw EvaluationError("range() arg 3 must not be zero");
  if (range.size() > kMaxRangeItems) {
    throw EvaluationError("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" +
                          std::to_string(kMaxRangeItems) + ").");
  }
  return Value::Range(range);
}

// What Python's dict(mapping or pairs, **named) holds.
DictObject BuildDict(Context& context, std::string_view function, const Arguments& arguments) {
  Budget& budget = context.budget();
  if (arguments.positional.size() > 1) {
    throw EvaluationError(std::string(function) + " expected at most 1 argument, got " +
                          std::to_string(arguments.positional.size()));
  }
  DictObject result;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.dict()) {
      budget.Items(2 * source.dict()->entries.size());
      result = *source.dict();
    } else {
      for (const Value& pair : Iterate(budget, source)) {
        const std::vector<Value> items = Iterate(budget, pair);
        if (items.size() != 2) {
          throw EvaluationError("dictionary update sequence element has length " +
                                std::to_string(items.size()) + "; 2 is required");
        }
        result.Set(budget, items[0], items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) result.Set(budget, name, value);
  return result;
}

Value MakeDict(Context& context, const Arguments& arguments) {
  return Value::Dict(BuildDict(context, "dict", arguments));
}

Value MakeNamespace(Context& context, const Arguments& arguments) {
  return Value::Namespace(context.NewNamespace({BuildDict(context, "namespace", arguments)}));
}

Value RaiseException(Context& context, const Arguments& arguments) {
  const BoundArguments bound("raise_exception", arguments, {"message"}, 1);
  Failure failure = EvaluationError(Str(context.budget(), *bound[0]).bytes());
  failure.verbatim = true;
  throw failure;
}

// Conversions of strftime(3) whose result is short whatever the locale; Python fills in %f itself,
// and %z and %Z are empty for a time without a zone.
constexpr std::string_view kTimeConversions = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyY%";

std::string TimeFormat(std::string_view format) {
  std::string result;
  for (size_t i = 0; i < format.size(); ++i) {
    result.push_back(format[i]);
    if (format[i] != '%') continue;
    if (++i < format.size() && format[i] == '-') result.push_back(format[i++]);
    const char conversion = i < format.size() ? format[i] : '\0';
    if (conversion == 'f') {
      result.pop_back();
      result.append("000000");
    } else if (conversion == 'z' || conversion == 'Z') {
      result.pop_back();
    } else if (kTimeConversions.find(conversion) != std::string_view::npos) {
      result.push_back(conversion);
    } else {
      throw EvaluationError("strftime_now: no conversion '%" + std::string(1, conversion) + "'");
    }
  }
  return result;
}

Value StrftimeNow(Context& context, const Arguments& arguments) {
  static constexpr size_t kMaxFormat = 256;
  static constexpr size_t kMaxPerCharacter = 64;
  const BoundArguments bound("strftime_now", arguments, {"format"}, 1);
  const MarkedText& format = bound.Text(0);
  if (format.size() > kMaxFormat) throw EvaluationError("strftime_now: format is too long");
  const std::time_t now = context.budget().limits().now.value_or(std::time(nullptr));
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, kMaxFormat * kMaxPerCharacter> buffer;
  const size_t size =
      std::strftime(buffer.data(), buffer.size(), TimeFormat(format.bytes()).c_str(), &local);
  return Value::String(MarkedText(std::string(buffer.data(), size), !format.untrusted().empty()));
}

constexpr std::array<FunctionObject, 5> kGlobals = {{{"range", &MakeRange},
                                                     {"dict", &MakeDict},
                                                     {"namespace", &MakeNamespace},
                                                     {"raise_exception", &RaiseException},
                                                     {"strftime_now", &StrftimeNow}}};

}  // namespace

const FunctionObject* FindGlobal(std::string_view name) {
  const auto* found = std::find_if(kGlobals.begin(), kGlobals.end(),
                                   [name](const auto& global) { return global.name == name; });
  return found == kGlobals.end() ? nullptr : found;
}

bool IsUnsupportedGlobal(std::string_view name) {
  return name == "lipsum" || name == "cycler" || name == "joiner";
}

}  // namespace moira::engine::jinja
