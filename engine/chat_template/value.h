#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "engine/chat_template/budget.h"
#include "engine/chat_template/marked_text.h"

namespace moira::engine::jinja {

class Context;
class Value;
struct Arguments;
struct LoopObject;
struct MacroObject;

// A Python str; `markup` for one that went through `safe` or `escape` (markupsafe.Markup).
struct StringObject {
  MarkedText text;
  bool markup = false;
};

struct SequenceObject {
  std::vector<Value> items;
  bool is_tuple;
  uint32_t depth;
};

// Insertion-ordered; keys are compared as Python does (1 == 1.0 == true).
struct DictObject {
  std::vector<std::pair<Value, Value>> entries;
  uint32_t depth = 1;
  // Entry of each string key; views into the keys' texts.
  std::unordered_map<std::string_view, size_t> strings;

  const Value* Find(std::string_view key) const;
  const Value* Find(Budget& budget, const Value& key) const;
  // Replaces the value of an equal key; throws for an unhashable key.
  void Set(Budget& budget, const Value& key, Value value);
};

struct DictView {
  enum class Kind { kKeys, kValues, kItems };
  Kind kind;
  std::shared_ptr<const DictObject> dict;
};

// Bounds and step lie within kMaxRangeBound, so that no arithmetic on them overflows.
inline constexpr int64_t kMaxRangeBound = int64_t{1} << 31;
struct RangeObject {
  int64_t start, stop, step;
  int64_t size() const;
};

// A generator: its items can be taken once.
struct IteratorObject {
  std::string_view type_name;
  std::vector<Value> items;
  uint32_t depth;
  size_t next = 0;
};

struct UndefinedObject {
  std::string hint;         // the whole message, if not empty
  std::string name;         // of the variable or attribute
  std::string object_type;  // of what lacks the attribute, "" for a variable
  std::string Message() const;
};

// The only mutable object. Owned by the Context: it may refer to itself.
struct NamespaceObject {
  DictObject attributes;
};

using MethodFunction = Value (*)(Context&, const Value& self, const Arguments&);
using GlobalFunction = Value (*)(Context&, const Arguments&);

struct MethodObject;

struct FunctionObject {
  std::string_view name;
  GlobalFunction call;
};

// A Python object as a template can meet it. Immutable but for namespaces, iterators and loops;
// copies share. References form no cycle (namespaces and scopes are referred to weakly) and are at
// most kMaxDepth deep, so that walking and destroying one is bounded.
class Value {
 public:
  static constexpr uint32_t kMaxDepth = 200;

  Value() = default;  // None
  static Value Bool(bool value) { return Value(value); }
  static Value Int(int64_t value) { return Value(value); }
  static Value Float(double value) { return Value(value); }
  static Value String(MarkedText text, bool markup = false);
  static Value String(std::string_view text) { return String(MarkedText(std::string(text))); }
  static Value List(Budget& budget, std::vector<Value> items);
  static Value Tuple(Budget& budget, std::vector<Value> items);
  static Value Dict(DictObject dict);
  static Value Iterator(Budget& budget, std::string_view type_name, std::vector<Value> items);
  static Value Undefined(std::string name) { return UndefinedOf({"", std::move(name), ""}); }
  static Value UndefinedHint(std::string hint) { return UndefinedOf({std::move(hint), "", ""}); }
  static Value UndefinedOf(UndefinedObject undefined);
  static Value Method(const Value& self, std::string_view name, MethodFunction function);
  static Value Function(const FunctionObject* function) { return Value(function); }
  static Value Namespace(NamespaceObject* object) { return Value(object); }
  static Value View(DictView view);
  static Value Range(RangeObject range);
  static Value Macro(std::shared_ptr<const MacroObject> macro) { return Value(std::move(macro)); }
  static Value Loop(std::shared_ptr<LoopObject> loop) { return Value(std::move(loop)); }

  bool is_none() const { return content_.index() == 0; }
  bool is_undefined() const { return undefined() != nullptr; }
  const bool* boolean() const { return std::get_if<bool>(&content_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&content_); }
  const double* floating() const { return std::get_if<double>(&content_); }
  const StringObject* string() const { return Object<const StringObject>(); }
  const SequenceObject* sequence() const { return Object<const SequenceObject>(); }
  const DictObject* dict() const { return Object<const DictObject>(); }
  const DictView* view() const { return Object<const DictView>(); }
  const RangeObject* range() const { return Object<const RangeObject>(); }
  IteratorObject* iterator() const { return Object<IteratorObject>(); }
  const UndefinedObject* undefined() const { return Object<const UndefinedObject>(); }
  const MethodObject* method() const { return Object<const MethodObject>(); }
  const MacroObject* macro() const { return Object<const MacroObject>(); }
  LoopObject* loop() const { return Object<LoopObject>(); }
  const FunctionObject* function() const { return Plain<const FunctionObject*>(); }
  NamespaceObject* name_space() const { return Plain<NamespaceObject*>(); }

  std::shared_ptr<const DictObject> shared_dict() const;
  std::shared_ptr<LoopObject> shared_loop() const;
  bool is_tuple() const { return sequence() && sequence()->is_tuple; }
  // An int or a bool, which Python lets count as one.
  bool IsIntegral() const { return boolean() || integer(); }
  int64_t AsInteger() const { return boolean() ? *boolean() : *integer(); }
  bool IsNumber() const { return IsIntegral() || floating(); }
  double AsDouble() const { return floating() ? *floating() : static_cast<double>(AsInteger()); }
  // The same object, as Python's `is`.
  bool IsSame(const Value& other) const { return content_ == other.content_; }
  uint32_t depth() const;

 private:
  using Content =
      std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const StringObject>,
                   std::shared_ptr<const SequenceObject>, std::shared_ptr<const DictObject>,
                   std::shared_ptr<const DictView>, std::shared_ptr<const RangeObject>,
                   std::shared_ptr<IteratorObject>, std::shared_ptr<const UndefinedObject>,
                   std::shared_ptr<const MethodObject>, std::shared_ptr<const MacroObject>,
                   std::shared_ptr<LoopObject>, const FunctionObject*, NamespaceObject*>;

  explicit Value(Content content) : content_(std::move(content)) {}
  template <typename T>
  T* Object() const {
    const auto* pointer = std::get_if<std::shared_ptr<T>>(&content_);
    return pointer ? pointer->get() : nullptr;
  }
  template <typename T>
  T Plain() const {
    const auto* pointer = std::get_if<T>(&content_);
    return pointer ? *pointer : nullptr;
  }

  Content content_;
};

struct MethodObject {
  Value self;
  std::string_view name;
  MethodFunction call;
};

// Of a call; keys of `named` are strings and keep their marks.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Value, Value>> named;
};

// Python's name of the value's type, for messages: "str", "NoneType".
std::string TypeName(const Value& value);
// The items that Python's iter() would give; an iterator is used up. Throws for what has none.
std::vector<Value> Iterate(Budget& budget, const Value& value);
bool IsIterable(const Value& value);
// Whether Python lets it be the key of a dict.
bool IsHashable(const Value& value);
bool Truth(const Value& value);
// len(), or throws.
int64_t Length(Budget& budget, const Value& value);

}  // namespace moira::engine::jinja
