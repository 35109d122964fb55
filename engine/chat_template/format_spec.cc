#include "engine/chat_template/format_spec.h"

#include <array>
#include <charconv>
#include <cmath>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_ops.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// Largest width or precision; a longer one is refused.
constexpr size_t kMaxSize = 100'000;
// Digits that a double can have before and behind the point, and to spare.
constexpr size_t kMaxPrecision = 512;

bool IsAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

Failure UnknownType(const FormatSpec& spec, const Value& value) {
  return EvaluationError("unknown format code '" + std::string(1, spec.type) +
                         "' for object of type '" + TypeName(value) + "'");
}

std::string Grouped(std::string digits) {
  size_t end = digits.find_first_of(".e");
  if (end == std::string::npos) end = digits.size();
  while (end > 3) {
    end -= 3;
    digits.insert(end, ",");
  }
  return digits;
}

// Digits and prefix of an integer's magnitude.
std::pair<std::string, std::string> IntegerDigits(const FormatSpec& spec, int64_t value) {
  const uint64_t magnitude =
      value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int base = spec.type == 'x' || spec.type == 'X' ? 16
                   : spec.type == 'o'                   ? 8
                   : spec.type == 'b'                   ? 2
                                                        : 10;
  std::array<char, 72> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base);
  std::string digits(buffer.data(), end.ptr);
  if (spec.type == 'X') {
    for (char& c : digits) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  }
  std::string prefix;
  if (spec.alternate && base != 10) prefix = std::string("0") + spec.type;
  return {prefix, spec.grouped ? Grouped(digits) : digits};
}

// As Python's %g: precision counts significant digits, trailing zeros go.
std::string GeneralDigits(double magnitude, size_t precision) {
  std::array<char, kMaxPrecision + 400> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude,
                                 std::chars_format::general, static_cast<int>(precision));
  return {buffer.data(), end.ptr};
}

std::string FloatDigits(const FormatSpec& spec, double magnitude) {
  if (std::isnan(magnitude)) return "nan";
  if (std::isinf(magnitude)) return "inf";
  const size_t precision = spec.precision.value_or(6);
  if (precision > kMaxPrecision) throw EvaluationError("format precision is too large");
  std::array<char, kMaxPrecision + 400> buffer;
  std::string digits;
  if (spec.type == '\0' && !spec.precision) {
    digits = FloatRepr(magnitude);
  } else if (spec.type == '\0' || spec.type == 'g') {
    digits = GeneralDigits(magnitude, precision == 0 ? 1 : precision);
    if (spec.type == '\0' && digits.find_first_of(".e") == std::string::npos) digits += ".0";
  } else {
    const bool scientific = spec.type == 'e' || spec.type == 'E';
    const auto end =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                      spec.type == '%' ? magnitude * 100 : magnitude,
                      scientific ? std::chars_format::scientific : std::chars_format::fixed,
                      static_cast<int>(precision));
    digits.assign(buffer.data(), end.ptr);
    if (spec.type == '%') digits += '%';
  }
  return spec.grouped ? Grouped(digits) : digits;
}

MarkedText Pad(Budget& budget, const FormatSpec& spec, char default_align, std::string_view sign,
               const MarkedText& body) {
  MarkedText result;
  const size_t size = CountCodePoints(body.bytes()) + sign.size();
  const size_t missing = spec.width > size ? spec.width - size : 0;
  const char align = spec.align ? spec.align : default_align;
  const size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const MarkedText fill(std::string(1, spec.fill));
  if (align == '=') result.Append(sign);
  result.Append(Repeat(budget, fill, left));
  if (align != '=') result.Append(sign);
  result.Append(body);
  result.Append(Repeat(budget, fill, missing - left));
  return result;
}

std::string SignOf(const FormatSpec& spec, bool negative) {
  if (negative) return "-";
  return spec.sign == '-' ? "" : std::string(1, spec.sign);
}

MarkedText FormatNumber(Context& context, const Value& value, const FormatSpec& spec) {
  static constexpr std::string_view kIntegerTypes = "dxXobi";
  static constexpr std::string_view kFloatTypes = "eEfFg%";
  const bool as_integer =
      value.IsIntegral() &&
      (spec.type == '\0' || kIntegerTypes.find(spec.type) != std::string_view::npos);
  if (as_integer) {
    const int64_t integer = value.AsInteger();
    const auto [prefix, digits] = IntegerDigits(spec, integer);
    return Pad(context.budget(), spec, '>', SignOf(spec, integer < 0) + prefix, MarkedText(digits));
  }
  if (spec.type != '\0' && kFloatTypes.find(spec.type) == std::string_view::npos) {
    throw UnknownType(spec, value);
  }
  const double number = value.AsDouble();
  const bool negative = std::signbit(number) && !std::isnan(number);
  return Pad(context.budget(), spec, '>', SignOf(spec, negative),
             MarkedText(FloatDigits(spec, std::fabs(number))));
}

}  // namespace

std::optional<size_t> ReadSize(std::string_view text, size_t* at) {
  size_t value = 0;
  const char* begin = text.data() + std::min(*at, text.size());
  const auto read = std::from_chars(begin, text.data() + text.size(), value);
  if (read.ptr == begin) return std::nullopt;
  if (read.ec != std::errc() || value > kMaxSize) {
    throw EvaluationError("width or precision of a format is too large");
  }
  *at = static_cast<size_t>(read.ptr - text.data());
  return value;
}

FormatSpec ParseFormatSpec(std::string_view text) {
  FormatSpec spec;
  size_t at = 0;
  const auto peek = [&](size_t ahead) {
    return at + ahead < text.size() ? text[at + ahead] : '\0';
  };
  if (IsAlign(peek(1))) {
    spec.fill = peek(0);
    spec.align = peek(1);
    at += 2;
  } else if (IsAlign(peek(0))) {
    spec.align = text[at++];
  }
  if (peek(0) == '+' || peek(0) == '-' || peek(0) == ' ') spec.sign = text[at++];
  if (peek(0) == '#') {
    spec.alternate = true;
    ++at;
  }
  if (peek(0) == '0') {
    if (!spec.align) spec.align = '=';
    if (spec.fill == ' ') spec.fill = '0';
    ++at;
  }
  spec.width = ReadSize(text, &at).value_or(0);
  if (peek(0) == ',') {
    spec.grouped = true;
    ++at;
  }
  if (peek(0) == '.') {
    ++at;
    spec.precision = ReadSize(text, &at);
    if (!spec.precision) throw EvaluationError("format specifier missing precision");
  }
  if (at < text.size()) spec.type = text[at++];
  if (at != text.size() || static_cast<unsigned char>(spec.fill) >= 0x80) {
    throw EvaluationError("invalid format specifier " + QuotedForMessage(text));
  }
  return spec;
}

MarkedText FormatValue(Context& context, const Value& value, const FormatSpec& spec) {
  if (value.IsNumber()) return FormatNumber(context, value, spec);
  if (!value.string()) {
    throw EvaluationError("unsupported format string passed to " + TypeName(value) + ".__format__");
  }
  if (spec.type != '\0' && spec.type != 's') throw UnknownType(spec, value);
  MarkedText text = Str(context.budget(), value);
  if (spec.precision) text = text.Slice(0, ByteOffset(text.bytes(), *spec.precision));
  return Pad(context.budget(), spec, '<', "", text);
}

}  // namespace moira::engine::jinja
