#include <cmath>
#include <limits>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_methods.h"

namespace moira::engine::jinja {
namespace {

std::string_view OperatorText(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSubtract:
      return "-";
    case BinaryOp::kMultiply:
      return "*";
    case BinaryOp::kDivide:
      return "/";
    case BinaryOp::kFloorDivide:
      return "//";
    case BinaryOp::kModulo:
      return "%";
    case BinaryOp::kPower:
      return "** or pow()";
  }
  return "";
}

Failure UnsupportedOperands(BinaryOp op, const Value& left, const Value& right) {
  return EvaluationError("unsupported operand type(s) for " + std::string(OperatorText(op)) +
                         ": '" + TypeName(left) + "' and '" + TypeName(right) + "'");
}

Failure TooWide(BinaryOp op) {
  return EvaluationError("result of '" + std::string(OperatorText(op)) +
                         "' does not fit a 64-bit integer");
}

void RequireNotZero(bool is_zero) {
  if (is_zero) throw EvaluationError("division by zero");
}

// Python rounds the quotient towards minus infinity and gives the remainder the divisor's sign.
int64_t FloorDivide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && ((a < 0) != (b < 0))) ? 1 : 0);
}

double FloorModulo(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder != 0) {
    if ((remainder < 0) != (b < 0)) remainder += b;
  } else {
    remainder = std::copysign(0.0, b);
  }
  return remainder;
}

double FloorDivide(double a, double b) {
  const double remainder = FloorModulo(a, b);
  const double quotient = (a - remainder) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value IntegerPower(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    RequireNotZero(base == 0);
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  if (base == 0 || base == 1) return Value::Int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::Int(exponent % 2 == 0 ? 1 : -1);
  for (; exponent > 0; --exponent) {  // at most 63 turns: |base| >= 2
    if (__builtin_mul_overflow(result, base, &result)) throw TooWide(BinaryOp::kPower);
  }
  return Value::Int(result);
}

Value IntegerBinary(BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &result)) throw TooWide(op);
      return Value::Int(result);
    case BinaryOp::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) throw TooWide(op);
      return Value::Int(result);
    case BinaryOp::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) throw TooWide(op);
      return Value::Int(result);
    case BinaryOp::kDivide:
      RequireNotZero(b == 0);
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOp::kFloorDivide:
      RequireNotZero(b == 0);
      if (a == std::numeric_limits<int64_t>::min() && b == -1) throw TooWide(op);
      return Value::Int(FloorDivide(a, b));
    case BinaryOp::kModulo:
      RequireNotZero(b == 0);
      return Value::Int(b == -1 ? 0 : a - FloorDivide(a, b) * b);
    case BinaryOp::kPower:
      return IntegerPower(a, b);
  }
  throw TooWide(op);
}

Value FloatPower(double a, double b) {
  RequireNotZero(a == 0 && b < 0);
  const double result = std::pow(a, b);
  if (std::isnan(result) && !std::isnan(a) && !std::isnan(b)) {
    throw EvaluationError("result of '**' is a complex number");
  }
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    throw EvaluationError("result of '**' is too large");
  }
  return Value::Float(result);
}

Value FloatBinary(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value::Float(a + b);
    case BinaryOp::kSubtract:
      return Value::Float(a - b);
    case BinaryOp::kMultiply:
      return Value::Float(a * b);
    case BinaryOp::kDivide:
      RequireNotZero(b == 0);
      return Value::Float(a / b);
    case BinaryOp::kFloorDivide:
      RequireNotZero(b == 0);
      return Value::Float(FloorDivide(a, b));
    case BinaryOp::kModulo:
      RequireNotZero(b == 0);
      return Value::Float(FloorModulo(a, b));
    case BinaryOp::kPower:
      return FloatPower(a, b);
  }
  return Value::Float(0);
}

// How often a sequence of `size` bytes or items is repeated; the product is within `limit`.
size_t Repetitions(size_t size, int64_t count, size_t limit) {
  if (count <= 0 || size == 0) return 0;
  if (static_cast<uint64_t>(count) > limit / size) {
    throw LimitExceeded("'*' repeats " + std::to_string(size) + " items " + std::to_string(count) +
                        " times, the limit is " + std::to_string(limit));
  }
  return static_cast<size_t>(count);
}

// By doubling: a single character repeated a million times is twenty appends.
MarkedText RepeatText(MarkedText text, size_t times) {
  MarkedText result;
  for (; times > 0; times /= 2) {
    if (times % 2 == 1) result.Append(text);
    if (times > 1) {
      const MarkedText once = text;
      text.Append(once);
    }
  }
  return result;
}

Value Repeat(Budget& budget, const Value& value, int64_t count) {
  const size_t limit = budget.limits().output_bytes;
  if (const StringObject* string = value.string()) {
    const size_t times = Repetitions(string->text.size(), count, limit);
    budget.Text(string->text.size() * times);
    return Value::String(RepeatText(string->text, times), string->markup);
  }
  const auto& items = value.sequence()->items;
  const size_t times = Repetitions(items.size(), count, limit);
  budget.Items(items.size() * times);
  std::vector<Value> result;
  for (size_t i = 0; i < times; ++i) result.insert(result.end(), items.begin(), items.end());
  return value.is_tuple() ? Value::Tuple(budget, std::move(result))
                          : Value::List(budget, std::move(result));
}

Value AddStrings(Budget& budget, const StringObject& left, const StringObject& right) {
  const bool markup = left.markup || right.markup;
  budget.Text(left.text.size() + right.text.size());
  MarkedText result = markup && !left.markup ? EscapeHtml(budget, left.text) : left.text;
  result.Append(markup && !right.markup ? EscapeHtml(budget, right.text) : right.text);
  return Value::String(std::move(result), markup);
}

Value AddSequences(Budget& budget, const Value& left, const Value& right) {
  std::vector<Value> items = Iterate(budget, left);
  budget.Items(right.sequence()->items.size());
  items.insert(items.end(), right.sequence()->items.begin(), right.sequence()->items.end());
  return left.is_tuple() ? Value::Tuple(budget, std::move(items))
                         : Value::List(budget, std::move(items));
}

Value Add(Context& context, const Value& left, const Value& right) {
  if (left.string() && right.string()) {
    return AddStrings(context.budget(), *left.string(), *right.string());
  }
  if (left.sequence() && right.sequence() && left.is_tuple() == right.is_tuple()) {
    return AddSequences(context.budget(), left, right);
  }
  if (left.string() || left.sequence()) {
    const std::string type = TypeName(left);
    throw EvaluationError("can only concatenate " + type + " (not \"" + TypeName(right) +
                          "\") to " + type);
  }
  throw UnsupportedOperands(BinaryOp::kAdd, left, right);
}

}  // namespace

Value Binary(Context& context, BinaryOp op, const Value& left, const Value& right) {
  if (op == BinaryOp::kModulo && left.string()) return FormatPercent(context, left, right);
  RequireDefined(left);
  RequireDefined(right);
  if (left.IsNumber() && right.IsNumber()) {
    if (left.IsIntegral() && right.IsIntegral()) {
      return IntegerBinary(op, left.AsInteger(), right.AsInteger());
    }
    return FloatBinary(op, left.AsDouble(), right.AsDouble());
  }
  if (op == BinaryOp::kAdd) return Add(context, left, right);
  if (op == BinaryOp::kMultiply) {
    if ((left.string() || left.sequence()) && right.IsIntegral()) {
      return Repeat(context.budget(), left, right.AsInteger());
    }
    if (left.IsIntegral() && (right.string() || right.sequence())) {
      return Repeat(context.budget(), right, left.AsInteger());
    }
  }
  throw UnsupportedOperands(op, left, right);
}

Value Negate(const Value& operand) {
  RequireDefined(operand);
  if (operand.floating()) return Value::Float(-*operand.floating());
  if (!operand.IsIntegral()) {
    throw EvaluationError("bad operand type for unary -: '" + TypeName(operand) + "'");
  }
  return IntegerBinary(BinaryOp::kSubtract, 0, operand.AsInteger());
}

Value TruncatedInteger(double number) {
  if (std::isnan(number)) throw EvaluationError("cannot convert float NaN to integer");
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) {
    throw EvaluationError("float " + FloatRepr(number) + " does not fit a 64-bit integer");
  }
  return Value::Int(static_cast<int64_t>(number));
}

Value Plus(const Value& operand) {
  RequireDefined(operand);
  if (operand.floating()) return operand;
  if (operand.IsIntegral()) return Value::Int(operand.AsInteger());
  throw EvaluationError("bad operand type for unary +: '" + TypeName(operand) + "'");
}

}  // namespace moira::engine::jinja
