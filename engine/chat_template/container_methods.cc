#include "engine/chat_template/container_methods.h"

#include <algorithm>

#include "engine/chat_template/arguments.h"
#include "engine/chat_template/context.h"
#include "engine/chat_template/operators.h"

namespace moira::engine::jinja {
namespace {

Value Count(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"value"}, 1);
  const auto& items = self.sequence()->items;
  return Value::Int(std::count_if(items.begin(), items.end(), [&](const Value& item) {
    return Equal(context.budget(), item, *bound[0]);
  }));
}

Value IndexOf(Context& context, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("index", arguments, {"value"}, 1);
  const auto& items = self.sequence()->items;
  const auto found = std::find_if(items.begin(), items.end(), [&](const Value& item) {
    return Equal(context.budget(), item, *bound[0]);
  });
  if (found == items.end()) throw EvaluationError("value is not in " + TypeName(self));
  return Value::Int(found - items.begin());
}

Value Copy(Context&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("copy", arguments, {});
  return self;  // nothing can change either of the two
}

Value Get(Context& context, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) throw EvaluationError("dict.get() takes no keyword arguments");
  const BoundArguments bound("get", arguments, {"key", "default"}, 1);
  const Value* found = self.dict()->Find(context.budget(), *bound[0]);
  return found ? *found : bound.ValueOr(1, Value());
}

template <DictView::Kind kKind>
Value View(Context&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("dict view", arguments, {});
  return Value::View({kKind, self.shared_dict()});
}

}  // namespace

MethodFunction FindSequenceMethod(std::string_view name, bool is_tuple) {
  if (name == "count") return &Count;
  if (name == "index") return &IndexOf;
  if (name == "copy" && !is_tuple) return &Copy;
  return nullptr;
}

MethodFunction FindDictMethod(std::string_view name) {
  if (name == "get") return &Get;
  if (name == "items") return &View<DictView::Kind::kItems>;
  if (name == "keys") return &View<DictView::Kind::kKeys>;
  if (name == "values") return &View<DictView::Kind::kValues>;
  if (name == "copy") return &Copy;
  return nullptr;
}

}  // namespace moira::engine::jinja
