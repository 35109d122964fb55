#include "engine/chat_template/attributes.h"

#include <algorithm>
#include <array>

#include "engine/chat_template/container_methods.h"
#include "engine/chat_template/loop.h"
#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"
#include "engine/chat_template/text_methods.h"

namespace moira::engine::jinja {
namespace {

// Methods that change a list or dict: ImmutableSandboxedEnvironment hides them.
constexpr std::array<std::string_view, 8> kListMutators = {"append", "clear", "pop",    "reverse",
                                                           "insert", "sort",  "extend", "remove"};
constexpr std::array<std::string_view, 5> kDictMutators = {"clear", "pop", "popitem", "setdefault",
                                                           "update"};

template <size_t kSize>
bool IsOneOf(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsDunder(std::string_view name) {
  return name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__";
}

Value Forbidden(const Value& object, std::string_view name) {
  return Value::UndefinedHint("access to attribute '" + std::string(name) + "' of '" +
                              TypeName(object) + "' object is unsafe.");
}

std::string TypeForMessage(const Value& object) {
  return object.is_none() ? "None" : TypeName(object) + " object";
}

Value Missing(const Value& object, std::string_view name) {
  return Value::UndefinedOf({"", std::string(name), TypeForMessage(object)});
}

// object[key] for keys that exist.
std::optional<Value> FindItem(Budget& budget, const Value& object, const Value& key) {
  if (object.dict()) {
    if (!IsHashable(key)) return std::nullopt;
    const Value* found = object.dict()->Find(budget, key);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  if (!key.IsIntegral()) return std::nullopt;
  if (!object.sequence() && !object.string() && !object.range()) return std::nullopt;
  const int64_t size = Length(budget, object);
  int64_t index = key.AsInteger();
  if (index < 0) index += size;
  if (index < 0 || index >= size) return std::nullopt;
  if (object.sequence()) return object.sequence()->items[static_cast<size_t>(index)];
  if (object.range()) return Value::Int(object.range()->start + index * object.range()->step);
  return Slice(budget, object, Value::Int(index), Value::Int(index + 1), Value());
}

MethodFunction FindMethod(const Value& object, std::string_view name) {
  if (object.string()) return FindTextMethod(name);
  if (object.sequence()) return FindSequenceMethod(name, object.is_tuple());
  if (object.dict()) return FindDictMethod(name);
  if (object.loop()) return FindLoopMethod(name);
  return nullptr;
}

}  // namespace

std::optional<Value> FindAttribute(Context& context, const Value& object, std::string_view name) {
  RequireDefined(object);
  if (NamespaceObject* name_space = object.name_space()) {
    const Value* found = name_space->attributes.Find(name);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  if (IsDunder(name)) return Forbidden(object, name);
  if (object.sequence() && !object.is_tuple() && IsOneOf(kListMutators, name)) {
    return Forbidden(object, name);
  }
  if (object.dict() && IsOneOf(kDictMutators, name)) return Forbidden(object, name);
  if (const MethodFunction method = FindMethod(object, name)) {
    return Value::Method(object, name, method);
  }
  if (object.loop()) return object.loop()->Attribute(context.budget(), name);
  return std::nullopt;
}

Value GetAttribute(Context& context, const Value& object, std::string_view name) {
  if (std::optional<Value> attribute = FindAttribute(context, object, name)) return *attribute;
  if (object.dict()) {
    if (const Value* found = object.dict()->Find(name)) return *found;
  }
  return Missing(object, name);
}

Value GetItem(Context& context, const Value& object, const Value& key) {
  RequireDefined(object);
  if (std::optional<Value> item = FindItem(context.budget(), object, key)) return *item;
  if (key.string()) {
    const std::string& name = key.string()->text.bytes();
    if (std::optional<Value> attribute = FindAttribute(context, object, name)) return *attribute;
    return Missing(object, name);
  }
  return Value::UndefinedHint(TypeForMessage(object) + " has no element " +
                              (key.IsNumber() || key.is_none() ? Str(context.budget(), key).bytes()
                                                               : "of type " + TypeName(key)));
}

}  // namespace moira::engine::jinja
