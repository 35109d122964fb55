#include <algorithm>
#include <limits>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// The indices that a slice takes of a sequence of `size` items: PySlice_AdjustIndices.
struct SliceIndices {
  int64_t start;
  int64_t stop;
  int64_t step;
  int64_t count;
};

int64_t Clamp(int64_t bound, int64_t size, int64_t step) {
  if (bound < 0) {
    bound += size;
    if (bound < 0) return step < 0 ? -1 : 0;
  } else if (bound >= size) {
    return step < 0 ? size - 1 : size;
  }
  return bound;
}

SliceIndices Indices(int64_t size, const Value& start_value, const Value& stop_value,
                     const Value& step_value) {
  const int64_t step = step_value.is_none() ? 1 : Index(step_value);
  if (step == 0) throw EvaluationError("slice step cannot be zero");
  if (step == std::numeric_limits<int64_t>::min()) throw EvaluationError("slice step too small");
  const int64_t start =
      start_value.is_none() ? (step < 0 ? size - 1 : 0) : Clamp(Index(start_value), size, step);
  const int64_t stop =
      stop_value.is_none() ? (step < 0 ? -1 : size) : Clamp(Index(stop_value), size, step);
  int64_t count = 0;
  if (step < 0 && stop < start) count = (start - stop - 1) / -step + 1;
  if (step > 0 && start < stop) count = (stop - start - 1) / step + 1;
  return {start, stop, step, count};
}

MarkedText SliceText(Budget& budget, const MarkedText& text, const Value& start, const Value& stop,
                     const Value& step) {
  budget.Text(text.size());
  const std::string& bytes = text.bytes();
  const auto size = static_cast<int64_t>(CountCodePoints(bytes));
  const SliceIndices slice = Indices(size, start, stop, step);
  if (slice.count == 0) return {};
  if (slice.step == 1) {
    const size_t begin = ByteOffset(bytes, static_cast<size_t>(slice.start));
    const std::string_view rest = std::string_view(bytes).substr(begin);
    return text.Slice(begin, begin + ByteOffset(rest, static_cast<size_t>(slice.count)));
  }
  std::vector<size_t> offsets;
  budget.Items(static_cast<size_t>(size));
  for (size_t at = 0; at < bytes.size(); at += DecodeAt(bytes, at).size) offsets.push_back(at);
  offsets.push_back(bytes.size());
  MarkedText result;
  for (int64_t i = 0; i < slice.count; ++i) {
    const auto at = static_cast<size_t>(slice.start + i * slice.step);
    result.Append(text, offsets[at], offsets[at + 1]);
  }
  return result;
}

}  // namespace

int64_t Index(const Value& value) {
  RequireDefined(value);
  if (value.IsIntegral()) return value.AsInteger();
  throw EvaluationError("'" + TypeName(value) + "' object cannot be interpreted as an integer");
}

Value Slice(Budget& budget, const Value& value, const Value& start, const Value& stop,
            const Value& step) {
  RequireDefined(value);
  if (const StringObject* string = value.string()) {
    return Value::String(SliceText(budget, string->text, start, stop, step), string->markup);
  }
  if (const RangeObject* range = value.range()) {
    const SliceIndices slice = Indices(range->size(), start, stop, step);
    if (slice.step > kMaxRangeBound || slice.step < -kMaxRangeBound) {
      throw EvaluationError("slice step " + std::to_string(slice.step) + " of a range");
    }
    const int64_t first = range->start + slice.start * range->step;
    const int64_t width = range->step * slice.step;  // both within 2^31
    return Value::Range({first, range->start + slice.stop * range->step, width});
  }
  if (!value.sequence()) {
    throw EvaluationError("'" + TypeName(value) + "' object cannot be sliced");
  }
  const auto& items = value.sequence()->items;
  const SliceIndices slice = Indices(static_cast<int64_t>(items.size()), start, stop, step);
  std::vector<Value> result;
  budget.Items(static_cast<size_t>(slice.count));
  for (int64_t i = 0; i < slice.count; ++i) {
    result.push_back(items[static_cast<size_t>(slice.start + i * slice.step)]);
  }
  return value.is_tuple() ? Value::Tuple(budget, std::move(result))
                          : Value::List(budget, std::move(result));
}

}  // namespace moira::engine::jinja
