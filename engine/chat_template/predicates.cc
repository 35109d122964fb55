#include "engine/chat_template/predicates.h"

#include <algorithm>
#include <array>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/filters.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_methods.h"

namespace moira::engine::jinja {
namespace {

using Holds = bool (*)(const Value&);

// A test without arguments that looks at the value alone.
template <Holds kHolds>
bool Plain(Context&, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("test", arguments, {});
  return kHolds(value);
}

template <CompareOp kOp>
bool Compared(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("test", arguments, {"other"}, 1);
  return Compare(context.budget(), kOp, value, *bound[0]);
}

bool IsDefined(const Value& value) { return !value.is_undefined(); }
bool IsUndefined(const Value& value) { return value.is_undefined(); }
bool IsNone(const Value& value) { return value.is_none(); }
bool IsBoolean(const Value& value) { return value.boolean() != nullptr; }
bool IsTrue(const Value& value) { return value.boolean() && *value.boolean(); }
bool IsFalse(const Value& value) { return value.boolean() && !*value.boolean(); }
bool IsInteger(const Value& value) { return value.integer() != nullptr; }
bool IsFloat(const Value& value) { return value.floating() != nullptr; }
bool IsNumber(const Value& value) { return value.IsNumber(); }
bool IsString(const Value& value) { return value.string() != nullptr; }
bool IsMapping(const Value& value) { return value.dict() != nullptr; }
bool IsEscaped(const Value& value) { return value.string() && value.string()->markup; }
// Has a length and can be subscripted; Python's dict is one, and so is jinja2's Undefined.
bool IsSequence(const Value& value) {
  return value.string() || value.sequence() || value.dict() || value.range() || value.undefined();
}
bool IsCallable(const Value& value) {
  return value.method() || value.function() || value.macro() || value.loop() || value.undefined();
}

int64_t Remainder(Context& context, const Value& value, const Value& divisor) {
  const Value remainder = Binary(context, BinaryOp::kModulo, value, divisor);
  // Only zero or not is asked of a float.
  return remainder.IsIntegral()        ? remainder.AsInteger()
         : remainder.AsDouble() == 0   ? 0
         : remainder.AsDouble() == 1.0 ? 1
                                       : 2;
}

bool IsOdd(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("odd", arguments, {});
  return Remainder(context, value, Value::Int(2)) == 1;
}
bool IsEven(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("even", arguments, {});
  return Remainder(context, value, Value::Int(2)) == 0;
}
bool IsDivisible(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("divisibleby", arguments, {"num"}, 1);
  return Remainder(context, value, *bound[0]) == 0;
}
bool IsSame(Context&, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("sameas", arguments, {"other"}, 1);
  return value.IsSame(*bound[0]);
}
bool IsLowerCase(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("lower", arguments, {});
  return IsCased(Str(context.budget(), value).bytes(), false);
}
bool IsUpperCase(Context& context, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("upper", arguments, {});
  return IsCased(Str(context.budget(), value).bytes(), true);
}
bool IsFilterName(Context&, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("filter", arguments, {});
  return value.string() && FindFilter(value.string()->text.bytes());
}
bool IsTestName(Context&, const Value& value, const Arguments& arguments) {
  const BoundArguments bound("test", arguments, {});
  return value.string() && FindPredicate(value.string()->text.bytes());
}

constexpr std::array<Predicate, 39> kPredicates = {{
    {"defined", &Plain<IsDefined>},
    {"undefined", &Plain<IsUndefined>},
    {"none", &Plain<IsNone>},
    {"boolean", &Plain<IsBoolean>},
    {"true", &Plain<IsTrue>},
    {"false", &Plain<IsFalse>},
    {"integer", &Plain<IsInteger>},
    {"float", &Plain<IsFloat>},
    {"number", &Plain<IsNumber>},
    {"string", &Plain<IsString>},
    {"mapping", &Plain<IsMapping>},
    {"iterable", &Plain<IsIterable>},
    {"sequence", &Plain<IsSequence>},
    {"callable", &Plain<IsCallable>},
    {"escaped", &Plain<IsEscaped>},
    {"odd", &IsOdd},
    {"even", &IsEven},
    {"divisibleby", &IsDivisible},
    {"sameas", &IsSame},
    {"lower", &IsLowerCase},
    {"upper", &IsUpperCase},
    {"filter", &IsFilterName},
    {"test", &IsTestName},
    {"in", &Compared<CompareOp::kIn>},
    {"==", &Compared<CompareOp::kEqual>},
    {"eq", &Compared<CompareOp::kEqual>},
    {"equalto", &Compared<CompareOp::kEqual>},
    {"!=", &Compared<CompareOp::kNotEqual>},
    {"ne", &Compared<CompareOp::kNotEqual>},
    {">", &Compared<CompareOp::kGreater>},
    {"gt", &Compared<CompareOp::kGreater>},
    {"greaterthan", &Compared<CompareOp::kGreater>},
    {">=", &Compared<CompareOp::kGreaterEqual>},
    {"ge", &Compared<CompareOp::kGreaterEqual>},
    {"<", &Compared<CompareOp::kLess>},
    {"lt", &Compared<CompareOp::kLess>},
    {"lessthan", &Compared<CompareOp::kLess>},
    {"<=", &Compared<CompareOp::kLessEqual>},
    {"le", &Compared<CompareOp::kLessEqual>},
}};

}  // namespace

const Predicate* FindPredicate(std::string_view name) {
  const auto* found =
      std::find_if(kPredicates.begin(), kPredicates.end(),
                   [name](const Predicate& predicate) { return predicate.name == name; });
  return found == kPredicates.end() ? nullptr : found;
}

}  // namespace moira::engine::jinja
