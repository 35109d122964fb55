#pragma once

#include <optional>

#include "engine/chat_template/context.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

enum class BinaryOp { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class CompareOp { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

// Python's ==.
bool Equal(Budget& budget, const Value& left, const Value& right);
// Python's < as sorting uses it; throws for types without an order.
bool Less(Budget& budget, const Value& left, const Value& right);
bool Compare(Budget& budget, CompareOp op, const Value& left, const Value& right);
// `item in container`.
bool Contains(Budget& budget, const Value& container, const Value& item);

// Arithmetic; integers are 64 bits wide, and what leaves them is an error.
Value Binary(Context& context, BinaryOp op, const Value& left, const Value& right);
Value Negate(const Value& operand);
Value Plus(const Value& operand);
// int(number); throws for what is no number that 64 bits can hold.
Value TruncatedInteger(double number);

// value[start:stop:step]; a missing bound is none.
Value Slice(Budget& budget, const Value& value, const Value& start, const Value& stop,
            const Value& step);
// The integer that Python's operator.index() gives, or throws.
int64_t Index(const Value& value);

// Throws UndefinedError for an undefined value.
void RequireDefined(const Value& value);

}  // namespace moira::engine::jinja
