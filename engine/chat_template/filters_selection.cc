// Filters that apply a filter or a test to every item.
#include <array>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/attribute_path.h"
#include "engine/chat_template/filters.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/predicates.h"
#include "engine/chat_template/printing.h"

namespace moira::engine::jinja {
namespace {

std::string NameOf(const Value& value) {
  return value.string() ? value.string()->text.bytes() : TypeName(value);
}

// The arguments behind the first `count` positional ones.
Arguments Behind(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

std::vector<Value> MapAttribute(Context& context, const Value& input, const Arguments& arguments) {
  const BoundArguments bound("map", arguments, {"attribute", "default"});
  const AttributePath path(context, *bound[0]);
  const Value* otherwise = bound.IsNone(1) ? nullptr : bound[1];
  std::vector<Value> items;
  for (Value& item : Iterate(context.budget(), input)) {
    items.push_back(path.Of(context, std::move(item), otherwise));
  }
  return items;
}

std::vector<Value> MapFilter(Context& context, const Value& input, const Arguments& arguments) {
  if (arguments.positional.empty()) throw EvaluationError("map requires a filter argument");
  const std::string name = NameOf(arguments.positional[0]);
  const Filter* filter = FindFilter(name);
  // A filter of filters would recurse without a nesting that the source shows.
  if (!filter || name == "map") throw EvaluationError("map: no filter " + QuotedForMessage(name));
  const Arguments rest = Behind(arguments, 1);
  std::vector<Value> items;
  for (const Value& item : Iterate(context.budget(), input)) {
    context.budget().Step();
    items.push_back(filter->apply(context, item, rest));
  }
  return items;
}

Value Map(Context& context, const Value& input, const Arguments& arguments) {
  std::vector<Value> items;
  if (Truth(input)) {
    bool by_attribute = false;
    for (const auto& [key, value] : arguments.named) {
      by_attribute |= key.string()->text.bytes() == "attribute";
    }
    by_attribute = by_attribute && arguments.positional.empty();
    items = by_attribute ? MapAttribute(context, input, arguments)
                         : MapFilter(context, input, arguments);
  }
  return Value::Iterator(context.budget(), "generator", std::move(items));
}

// The items for which a test (truth, if none is named) gives `wanted`.
template <bool kWanted, bool kByAttribute>
Value Select(Context& context, const Value& input, const Arguments& arguments) {
  std::vector<Value> items;
  if (!Truth(input)) return Value::Iterator(context.budget(), "generator", {});
  constexpr size_t kTestAt = kByAttribute ? 1 : 0;
  const auto& given = arguments.positional;
  if (given.size() < kTestAt) throw EvaluationError("Missing parameter for attribute name");
  const AttributePath path(context, kByAttribute ? given[0] : Value());
  const Predicate* predicate = nullptr;
  Arguments rest;
  if (given.size() > kTestAt) {
    const std::string name = NameOf(given[kTestAt]);
    predicate = FindPredicate(name);
    if (!predicate) throw EvaluationError("no test named " + QuotedForMessage(name));
    rest = Behind(arguments, kTestAt + 1);
  }
  for (Value& item : Iterate(context.budget(), input)) {
    context.budget().Step();
    const Value subject = path.Of(context, item);
    const bool holds = predicate ? predicate->holds(context, subject, rest) : Truth(subject);
    if (holds == kWanted) items.push_back(std::move(item));
  }
  return Value::Iterator(context.budget(), "generator", std::move(items));
}

constexpr std::array<Filter, 5> kFilters = {{{"map", &Map},
                                             {"reject", &Select<false, false>},
                                             {"rejectattr", &Select<false, true>},
                                             {"select", &Select<true, false>},
                                             {"selectattr", &Select<true, true>}}};

}  // namespace

std::span<const Filter> SelectionFilters() { return kFilters; }

}  // namespace moira::engine::jinja
