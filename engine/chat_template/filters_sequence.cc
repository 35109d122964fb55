// Filters that take or make sequences.
#include <algorithm>
#include <array>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/attribute_path.h"
#include "engine/chat_template/attributes.h"
#include "engine/chat_template/filters.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_ops.h"

namespace moira::engine::jinja {
namespace {

Value Default(Context&, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("default", arguments, {"default_value", "boolean"});
  const bool missing = input.is_undefined() || (bound.TruthOr(1, false) && !Truth(input));
  return missing ? bound.ValueOr(0, Value::String("")) : input;
}

Value ToList(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("list", arguments, {});
  return Value::List(context.budget(), Iterate(context.budget(), input));
}

Value JoinItems(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"d", "attribute"});
  Budget& budget = context.budget();
  const AttributePath path(context, bound.ValueOr(1, Value()));
  std::vector<MarkedText> parts;
  for (const Value& item : Iterate(budget, input)) {
    parts.push_back(Str(budget, path.Of(context, item)));
  }
  const MarkedText separator = bound.IsGiven(0) ? Str(budget, *bound[0]) : MarkedText();
  return Value::String(Join(budget, separator, parts));
}

Value First(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("first", arguments, {});
  if (IteratorObject* iterator = input.iterator()) {
    if (iterator->next < iterator->items.size()) return iterator->items[iterator->next++];
    return Value::UndefinedHint("No first item, sequence was empty.");
  }
  const std::vector<Value> items = Iterate(context.budget(), input);
  return items.empty() ? Value::UndefinedHint("No first item, sequence was empty.") : items[0];
}

void RequireReversible(const Value& value) {
  RequireDefined(value);
  if (value.iterator() || value.loop() || !IsIterable(value)) {
    throw EvaluationError("'" + TypeName(value) + "' object is not reversible");
  }
}

Value Last(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("last", arguments, {});
  if (!input.is_undefined()) RequireReversible(input);
  const std::vector<Value> items = Iterate(context.budget(), input);
  return items.empty() ? Value::UndefinedHint("No last item, sequence was empty.") : items.back();
}

Value Reverse(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("reverse", arguments, {});
  if (input.string()) return Slice(context.budget(), input, Value(), Value(), Value::Int(-1));
  std::vector<Value> items = Iterate(context.budget(), input);
  std::reverse(items.begin(), items.end());
  // Python's reversed() gives an iterator; what it does not know becomes a list.
  if (input.iterator() || input.loop()) {
    return Value::List(context.budget(), std::move(items));
  }
  return Value::Iterator(context.budget(), "reversed", std::move(items));
}

Value Items(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("items", arguments, {});
  if (input.is_undefined()) return Value::Iterator(context.budget(), "generator", {});
  if (!input.dict()) throw EvaluationError("Can only get item pairs from a mapping.");
  const Value view = Value::View({DictView::Kind::kItems, input.shared_dict()});
  return Value::Iterator(context.budget(), "generator", Iterate(context.budget(), view));
}

// Items with the keys that they are sorted by.
using Keyed = std::vector<std::pair<Value, Value>>;

std::vector<Value> Sorted(Context& context, Keyed keyed, bool reverse) {
  Budget& budget = context.budget();
  // Python keeps the order of equal items also when it sorts in reverse.
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::stable_sort(keyed.begin(), keyed.end(), [&budget](const auto& a, const auto& b) {
    return Less(budget, a.first, b.first);
  });
  if (reverse) std::reverse(keyed.begin(), keyed.end());
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return items;
}

Value Sort(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  Budget& budget = context.budget();
  const bool case_sensitive = bound.TruthOr(1, false);
  std::vector<AttributePath> paths;
  if (!bound.IsNone(2) && bound[2]->string()) {
    for (MarkedText& name : Split(budget, bound.Text(2), ",", -1, Side::kLeft)) {
      paths.emplace_back(context, Value::String(std::move(name)));
    }
  } else {
    paths.emplace_back(context, bound.ValueOr(2, Value()));
  }
  Keyed keyed;
  for (Value& item : Iterate(budget, input)) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths) {
      keys.push_back(ComparisonKey(context, path.Of(context, item), case_sensitive));
    }
    keyed.emplace_back(Value::List(budget, std::move(keys)), std::move(item));
  }
  return Value::List(budget, Sorted(context, std::move(keyed), bound.TruthOr(0, false)));
}

Value DictSort(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = bound.IsGiven(1) ? bound.Text(1).bytes() : "key";
  if (by != "key" && by != "value") {
    throw EvaluationError("You can only sort by either \"key\" or \"value\"");
  }
  RequireDefined(input);
  if (!input.dict()) throw EvaluationError("dictsort needs a dict, not " + TypeName(input));
  Keyed keyed;
  for (const auto& [key, value] : input.dict()->entries) {
    keyed.emplace_back(ComparisonKey(context, by == "key" ? key : value, bound.TruthOr(0, false)),
                       Value::Tuple(context.budget(), {key, value}));
  }
  return Value::List(context.budget(), Sorted(context, std::move(keyed), bound.TruthOr(2, false)));
}

Value Unique(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("unique", arguments, {"case_sensitive", "attribute"});
  Budget& budget = context.budget();
  const AttributePath path(context, bound.ValueOr(1, Value()));
  DictObject seen;
  std::vector<Value> items;
  for (Value& item : Iterate(budget, input)) {
    const Value key = ComparisonKey(context, path.Of(context, item), bound.TruthOr(0, false));
    if (seen.Find(budget, key)) continue;
    seen.Set(budget, key, Value());
    items.push_back(std::move(item));
  }
  return Value::Iterator(budget, "generator", std::move(items));
}

template <bool kMax>
Value Extreme(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound(kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  Budget& budget = context.budget();
  const AttributePath path(context, bound.ValueOr(1, Value()));
  std::optional<Value> best;
  Value best_key;
  for (const Value& item : Iterate(budget, input)) {
    Value key = ComparisonKey(context, path.Of(context, item), bound.TruthOr(0, false));
    const bool better = !best || (kMax ? Less(budget, best_key, key) : Less(budget, key, best_key));
    if (!better) continue;
    best = item;
    best_key = std::move(key);
  }
  return best ? *best : Value::UndefinedHint("No aggregated item, sequence was empty.");
}

Value Sum(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("sum", arguments, {"attribute", "start"});
  const AttributePath path(context, bound.ValueOr(0, Value()));
  Value total = bound.ValueOr(1, Value::Int(0));
  if (total.string()) throw EvaluationError("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : Iterate(context.budget(), input)) {
    total = Binary(context, BinaryOp::kAdd, total, path.Of(context, item));
  }
  return total;
}

Value Batch(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("batch", arguments, {"linecount", "fill_with"}, 1);
  Budget& budget = context.budget();
  const int64_t width = Index(*bound[0]);
  if (width <= 0 || static_cast<uint64_t>(width) > budget.limits().output_bytes) {
    throw EvaluationError("batch: size " + std::to_string(width) + " is out of bounds");
  }
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (Value& item : Iterate(budget, input)) {
    if (batch.size() == static_cast<size_t>(width)) {
      batches.push_back(Value::List(budget, std::exchange(batch, {})));
    }
    batch.push_back(std::move(item));
  }
  if (!batch.empty()) {
    if (!bound.IsNone(1)) {
      budget.Items(static_cast<size_t>(width));
      batch.resize(static_cast<size_t>(width), *bound[1]);
    }
    batches.push_back(Value::List(budget, std::move(batch)));
  }
  return Value::Iterator(budget, "generator", std::move(batches));
}

Value SliceInto(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("slice", arguments, {"slices", "fill_with"}, 1);
  Budget& budget = context.budget();
  const int64_t count = Index(*bound[0]);
  if (count <= 0 || static_cast<uint64_t>(count) > budget.limits().output_bytes) {
    throw EvaluationError("slice: count " + std::to_string(count) + " is out of bounds");
  }
  const std::vector<Value> items = Iterate(budget, input);
  const auto slices = static_cast<size_t>(count);
  budget.Items(slices);
  const size_t longer = items.size() % slices;
  std::vector<Value> result;
  size_t at = 0;
  for (size_t i = 0; i < slices; ++i) {
    const size_t size = items.size() / slices + (i < longer ? 1 : 0);
    const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<Value> part(begin, begin + static_cast<std::ptrdiff_t>(size));
    if (i >= longer && !bound.IsNone(1)) part.push_back(*bound[1]);
    result.push_back(Value::List(budget, std::move(part)));
    at += size;
  }
  return Value::Iterator(budget, "generator", std::move(result));
}

Value Attr(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("attr", arguments, {"name"}, 1);
  const std::string& name = bound.Text(0).bytes();
  if (const auto found = FindAttribute(context, input, name)) return *found;
  return Value::UndefinedOf({"", name, TypeName(input) + " object"});
}

constexpr std::array<Filter, 17> kFilters = {{{"attr", &Attr},
                                              {"batch", &Batch},
                                              {"d", &Default},
                                              {"default", &Default},
                                              {"dictsort", &DictSort},
                                              {"first", &First},
                                              {"items", &Items},
                                              {"join", &JoinItems},
                                              {"last", &Last},
                                              {"list", &ToList},
                                              {"max", &Extreme<true>},
                                              {"min", &Extreme<false>},
                                              {"reverse", &Reverse},
                                              {"slice", &SliceInto},
                                              {"sort", &Sort},
                                              {"sum", &Sum},
                                              {"unique", &Unique}}};

}  // namespace

std::span<const Filter> SequenceFilters() { return kFilters; }

}  // namespace moira::engine::jinja
