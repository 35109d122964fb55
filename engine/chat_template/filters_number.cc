// Filters that make numbers.
#include <array>
#include <charconv>
#include <cmath>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/filters.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/text_ops.h"

namespace moira::engine::jinja {
namespace {

// Digits with single underscores between them: what Python's int() and float() let pass.
std::optional<std::string> WithoutUnderscores(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      result.push_back(text[i]);
      continue;
    }
    const auto is_digit = [&](size_t at) {
      return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  return result;
}

// Python's int(text, base); nothing for what is no integer. Throws if it has more than 64 bits.
std::optional<int64_t> ReadInteger(std::string_view text, int64_t base) {
  std::optional<std::string> digits = WithoutUnderscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  const bool negative = (*digits)[0] == '-';
  if (negative || (*digits)[0] == '+') digits->erase(0, 1);
  if (digits->size() > 2 && (*digits)[0] == '0') {
    const char marker = static_cast<char>((*digits)[1] | 0x20);
    const int64_t marked = marker == 'x' ? 16 : marker == 'o' ? 8 : marker == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) {
      digits->erase(0, 2);
      base = marked;
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36 || digits->empty() || (*digits)[0] == '-') return std::nullopt;
  if (negative) digits->insert(0, "-");
  int64_t value = 0;
  const char* end = digits->data() + digits->size();
  const auto read = std::from_chars(digits->data(), end, value, static_cast<int>(base));
  if (read.ptr != end) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) {
    throw EvaluationError("integer " + *digits + " does not fit 64 bits");
  }
  return read.ec == std::errc() ? std::optional<int64_t>(value) : std::nullopt;
}

std::optional<double> ReadFloat(std::string_view text) {
  std::optional<std::string> digits = WithoutUnderscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  if ((*digits)[0] == '+') digits->erase(0, 1);
  double value = 0;
  const char* end = digits->data() + digits->size();
  const auto read = std::from_chars(digits->data(), end, value);
  if (read.ptr != end || digits->empty() || digits->find('(') != std::string::npos) {
    return std::nullopt;
  }
  if (read.ec == std::errc::result_out_of_range) {
    throw EvaluationError("number " + *digits + " is out of a double's range");
  }
  return read.ec == std::errc() ? std::optional<double>(value) : std::nullopt;
}

std::string Stripped(Context& context, const MarkedText& text) {
  return Strip(context.budget(), text, nullptr, Side::kBoth).bytes();
}

Value ToInt(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("int", arguments, {"default", "base"});
  RequireDefined(input);
  const Value otherwise = bound.ValueOr(0, Value::Int(0));
  if (input.IsIntegral()) return Value::Int(input.AsInteger());
  std::optional<double> number;
  if (input.string()) {
    const std::string text = Stripped(context, input.string()->text);
    if (const auto integer = ReadInteger(text, bound.IntOr(1, 10))) return Value::Int(*integer);
    number = ReadFloat(text);
  } else if (input.floating()) {
    number = *input.floating();
  }
  if (!number || !std::isfinite(*number)) return otherwise;
  return TruncatedInteger(*number);
}

Value ToFloat(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("float", arguments, {"default"});
  RequireDefined(input);
  if (input.IsNumber()) return Value::Float(input.AsDouble());
  if (input.string()) {
    const auto number = ReadFloat(Stripped(context, input.string()->text));
    if (number) return Value::Float(*number);
  }
  return bound.ValueOr(0, Value::Float(0));
}

Value Absolute(Context&, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("abs", arguments, {});
  RequireDefined(input);
  if (input.floating()) return Value::Float(std::fabs(*input.floating()));
  if (!input.IsIntegral()) {
    throw EvaluationError("bad operand type for abs(): '" + TypeName(input) + "'");
  }
  return input.AsInteger() < 0 ? Negate(input) : Value::Int(input.AsInteger());
}

// Rounds to decimal places as Python does: exactly, with ties of the decimal value to even.
double RoundHalfEven(double value, int64_t places) {
  if (!std::isfinite(value) || places > 308 + 17) return value;
  if (places < -308) return std::copysign(0.0, value);
  if (places < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-places));
    return std::nearbyint(value / scale) * scale;
  }
  // printf rounds the exact binary value, ties to even, as Python's round does.
  std::array<char, 800> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, static_cast<int>(places));
  double rounded = value;
  std::from_chars(buffer.data(), end.ptr, rounded);
  return rounded;
}

Value RoundWith(double (*round)(double), const Value& input, int64_t places) {
  const double scale = std::pow(10.0, static_cast<double>(places));
  return Value::Float(round(input.AsDouble() * scale) / scale);
}

Value Round(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("round", arguments, {"precision", "method"});
  RequireDefined(input);
  const std::string method = bound.IsGiven(1) ? bound.Text(1).bytes() : "common";
  const int64_t places = bound.IntOr(0, 0);
  if (!input.IsNumber()) {
    throw EvaluationError("type " + TypeName(input) + " doesn't define __round__ method");
  }
  if (method == "ceil") return RoundWith(&std::ceil, input, places);
  if (method == "floor") return RoundWith(&std::floor, input, places);
  if (method != "common") throw EvaluationError("method must be common, ceil or floor");
  if (!input.IsIntegral()) return Value::Float(RoundHalfEven(*input.floating(), places));
  if (places >= 0) return Value::Int(input.AsInteger());
  if (places < -18) return Value::Int(0);
  const Value scale = Binary(context, BinaryOp::kPower, Value::Int(10), Value::Int(-places));
  const int64_t unit = *scale.integer();
  const int64_t value = input.AsInteger();
  int64_t low = value / unit * unit;
  if (low > value) low -= unit;
  const int64_t rest = value - low;
  const bool up = rest > unit - rest || (rest == unit - rest && (low / unit) % 2 != 0);
  return up ? Binary(context, BinaryOp::kAdd, Value::Int(low), scale) : Value::Int(low);
}

Value LengthOf(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("length", arguments, {});
  return Value::Int(Length(context.budget(), input));
}

constexpr std::array<Filter, 6> kFilters = {{{"abs", &Absolute},
                                             {"count", &LengthOf},
                                             {"float", &ToFloat},
                                             {"int", &ToInt},
                                             {"length", &LengthOf},
                                             {"round", &Round}}};

}  // namespace

std::span<const Filter> NumberFilters() { return kFilters; }

}  // namespace moira::engine::jinja
