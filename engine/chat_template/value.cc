#include "engine/chat_template/value.h"

#include <algorithm>

#include "engine/chat_template/loop.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

uint32_t DeeperThan(uint32_t depth) {
  if (depth >= Value::kMaxDepth) {
    throw LimitExceeded("values nested deeper than " + std::to_string(Value::kMaxDepth));
  }
  return depth + 1;
}

uint32_t DeeperThan(const std::vector<Value>& items) {
  uint32_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return DeeperThan(depth);
}

}  // namespace

const Value* DictObject::Find(std::string_view key) const {
  const auto found = strings.find(key);
  return found == strings.end() ? nullptr : &entries[found->second].second;
}

const Value* DictObject::Find(Budget& budget, const Value& key) const {
  if (!IsHashable(key)) throw EvaluationError("unhashable type: '" + TypeName(key) + "'");
  if (key.string()) return Find(key.string()->text.bytes());
  if (strings.size() == entries.size()) return nullptr;
  for (const auto& [candidate, value] : entries) {
    if (!candidate.string() && Equal(budget, candidate, key)) return &value;
  }
  return nullptr;
}

void DictObject::Set(Budget& budget, const Value& key, Value value) {
  if (const Value* found = Find(budget, key)) {
    auto& slot = const_cast<Value&>(*found);  // NOLINT: an entry of this object
    depth = std::max(depth, DeeperThan(value.depth()));
    slot = std::move(value);
    return;
  }
  budget.Items(4);
  depth = std::max({depth, DeeperThan(value.depth()), DeeperThan(key.depth())});
  entries.emplace_back(key, std::move(value));
  const StringObject* text = entries.back().first.string();
  if (text) strings.emplace(text->text.bytes(), entries.size() - 1);
}

int64_t RangeObject::size() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

std::string UndefinedObject::Message() const {
  if (!hint.empty()) return hint;
  if (object_type.empty()) return "'" + name + "' is undefined";
  return "'" + object_type + "' has no attribute '" + name + "'";
}

Value Value::String(MarkedText text, bool markup) {
  return Value(
      Content(std::make_shared<const StringObject>(StringObject{std::move(text), markup})));
}

Value Value::List(Budget& budget, std::vector<Value> items) {
  budget.Items(items.size());
  const uint32_t depth = DeeperThan(items);
  return Value(Content(
      std::make_shared<const SequenceObject>(SequenceObject{std::move(items), false, depth})));
}

Value Value::Tuple(Budget& budget, std::vector<Value> items) {
  budget.Items(items.size());
  const uint32_t depth = DeeperThan(items);
  return Value(Content(
      std::make_shared<const SequenceObject>(SequenceObject{std::move(items), true, depth})));
}

Value Value::Dict(DictObject dict) {
  return Value(Content(std::make_shared<const DictObject>(std::move(dict))));
}

Value Value::Iterator(Budget& budget, std::string_view type_name, std::vector<Value> items) {
  budget.Items(items.size());
  const uint32_t depth = DeeperThan(items);
  return Value(Content(
      std::make_shared<IteratorObject>(IteratorObject{type_name, std::move(items), depth})));
}

Value Value::UndefinedOf(UndefinedObject undefined) {
  return Value(Content(std::make_shared<const UndefinedObject>(std::move(undefined))));
}

Value Value::Method(const Value& self, std::string_view name, MethodFunction function) {
  DeeperThan(self.depth());
  return Value(Content(std::make_shared<const MethodObject>(MethodObject{self, name, function})));
}

Value Value::View(DictView view) {
  DeeperThan(view.dict->depth);
  return Value(Content(std::make_shared<const DictView>(std::move(view))));
}

Value Value::Range(RangeObject range) {
  return Value(Content(std::make_shared<const RangeObject>(range)));
}

std::shared_ptr<const DictObject> Value::shared_dict() const {
  const auto* pointer = std::get_if<std::shared_ptr<const DictObject>>(&content_);
  return pointer ? *pointer : nullptr;
}

std::shared_ptr<LoopObject> Value::shared_loop() const {
  const auto* pointer = std::get_if<std::shared_ptr<LoopObject>>(&content_);
  return pointer ? *pointer : nullptr;
}

uint32_t Value::depth() const {
  if (sequence()) return sequence()->depth;
  if (dict()) return dict()->depth;
  if (view()) return view()->dict->depth + 1;
  if (iterator()) return iterator()->depth;
  if (method()) return method()->self.depth() + 1;
  if (loop()) return loop()->depth;
  return 0;
}

std::string TypeName(const Value& value) {
  if (value.is_none()) return "NoneType";
  if (value.boolean()) return "bool";
  if (value.integer()) return "int";
  if (value.floating()) return "float";
  if (value.string()) return value.string()->markup ? "Markup" : "str";
  if (value.sequence()) return value.is_tuple() ? "tuple" : "list";
  if (value.dict()) return "dict";
  if (value.view()) {
    static constexpr const char* kNames[] = {"dict_keys", "dict_values", "dict_items"};
    return kNames[static_cast<int>(value.view()->kind)];
  }
  if (value.range()) return "range";
  if (value.iterator()) return std::string(value.iterator()->type_name);
  if (value.undefined()) return "Undefined";
  if (value.method()) return "builtin_function_or_method";
  if (value.macro()) return "Macro";
  if (value.loop()) return "LoopContext";
  return value.function() ? "function" : "Namespace";
}

bool IsHashable(const Value& value) {
  if (value.dict() || value.view()) return false;
  if (!value.sequence()) return true;
  const auto& items = value.sequence()->items;
  return value.is_tuple() && std::all_of(items.begin(), items.end(), IsHashable);
}

bool IsIterable(const Value& value) {
  return value.string() || value.sequence() || value.dict() || value.view() || value.range() ||
         value.iterator() || value.undefined() || value.loop();
}

namespace {

std::vector<Value> IterateDict(Budget& budget, const DictView& view) {
  std::vector<Value> items;
  budget.Items(view.dict->entries.size());
  items.reserve(view.dict->entries.size());
  for (const auto& [key, value] : view.dict->entries) {
    switch (view.kind) {
      case DictView::Kind::kKeys:
        items.push_back(key);
        break;
      case DictView::Kind::kValues:
        items.push_back(value);
        break;
      case DictView::Kind::kItems:
        items.push_back(Value::Tuple(budget, {key, value}));
        break;
    }
  }
  return items;
}

std::vector<Value> IterateString(Budget& budget, const MarkedText& text) {
  std::vector<Value> items;
  for (size_t at = 0; at < text.size();) {
    const size_t next = at + DecodeAt(text.bytes(), at).size;
    budget.Strings(1);
    budget.Text(next - at);
    items.push_back(Value::String(text.Slice(at, next)));
    at = next;
  }
  return items;
}

std::vector<Value> IterateRange(Budget& budget, const RangeObject& range) {
  std::vector<Value> items;
  const int64_t size = range.size();
  budget.Items(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) items.push_back(Value::Int(range.start + i * range.step));
  return items;
}

}  // namespace

std::vector<Value> Iterate(Budget& budget, const Value& value) {
  if (value.sequence()) {
    budget.Items(value.sequence()->items.size());
    return value.sequence()->items;
  }
  if (value.dict()) return IterateDict(budget, {DictView::Kind::kKeys, value.shared_dict()});
  if (value.view()) return IterateDict(budget, *value.view());
  if (value.string()) return IterateString(budget, value.string()->text);
  if (value.range()) return IterateRange(budget, *value.range());
  if (value.undefined()) return {};
  if (IteratorObject* iterator = value.iterator()) {
    const size_t from = std::exchange(iterator->next, iterator->items.size());
    budget.Items(iterator->items.size() - from);
    return {iterator->items.begin() + static_cast<std::ptrdiff_t>(from), iterator->items.end()};
  }
  if (value.loop()) return value.loop()->TakeRest(budget);
  throw EvaluationError("'" + TypeName(value) + "' object is not iterable");
}

bool Truth(const Value& value) {
  if (value.is_none() || value.is_undefined()) return false;
  if (value.boolean()) return *value.boolean();
  if (value.integer()) return *value.integer() != 0;
  if (value.floating()) return *value.floating() != 0;
  if (value.string()) return !value.string()->text.empty();
  if (value.sequence()) return !value.sequence()->items.empty();
  if (value.dict()) return !value.dict()->entries.empty();
  if (value.view()) return !value.view()->dict->entries.empty();
  if (value.range()) return value.range()->size() != 0;
  return true;
}

int64_t Length(Budget& budget, const Value& value) {
  if (value.string()) {
    budget.Step(value.string()->text.size() / 64);
    return static_cast<int64_t>(CountCodePoints(value.string()->text.bytes()));
  }
  if (value.sequence()) return static_cast<int64_t>(value.sequence()->items.size());
  if (value.dict()) return static_cast<int64_t>(value.dict()->entries.size());
  if (value.view()) return static_cast<int64_t>(value.view()->dict->entries.size());
  if (value.range()) return value.range()->size();
  if (value.undefined()) return 0;
  if (value.loop()) return value.loop()->Length(budget);
  throw EvaluationError("object of type '" + TypeName(value) + "' has no len()");
}

}  // namespace moira::engine::jinja
