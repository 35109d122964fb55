#include <algorithm>
#include <cmath>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/text_search.h"

namespace moira::engine::jinja {
namespace {

// -1, 0, 1; nothing for a NaN. Exact between 64-bit integers and doubles.
std::optional<int> CompareNumbers(const Value& left, const Value& right) {
  if (left.IsIntegral() && right.IsIntegral()) {
    const int64_t a = left.AsInteger();
    const int64_t b = right.AsInteger();
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const auto a = static_cast<long double>(left.floating() ? *left.floating() : 0) +
                 static_cast<long double>(left.IsIntegral() ? left.AsInteger() : 0);
  const auto b = static_cast<long double>(right.floating() ? *right.floating() : 0) +
                 static_cast<long double>(right.IsIntegral() ? right.AsInteger() : 0);
  if (std::isnan(a) || std::isnan(b)) return std::nullopt;
  return a < b ? -1 : a > b ? 1 : 0;
}

bool EqualItems(Budget& budget, const std::vector<Value>& left, const std::vector<Value>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [&budget](const Value& a, const Value& b) { return Equal(budget, a, b); });
}

bool EqualDicts(Budget& budget, const DictObject& left, const DictObject& right) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, value] : left.entries) {
    const Value* other = right.Find(budget, key);
    if (!other || !Equal(budget, value, *other)) return false;
  }
  return true;
}

std::string_view OperatorText(CompareOp op) {
  switch (op) {
    case CompareOp::kLess:
      return "<";
    case CompareOp::kLessEqual:
      return "<=";
    case CompareOp::kGreater:
      return ">";
    default:
      return ">=";
  }
}

bool Satisfies(CompareOp op, int order) {
  switch (op) {
    case CompareOp::kLess:
      return order < 0;
    case CompareOp::kLessEqual:
      return order <= 0;
    case CompareOp::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool Ordered(Budget& budget, CompareOp op, const Value& left, const Value& right) {
  budget.Step();
  RequireDefined(left);
  RequireDefined(right);
  if (left.IsNumber() && right.IsNumber()) {
    const std::optional<int> order = CompareNumbers(left, right);
    return order && Satisfies(op, *order);
  }
  if (left.string() && right.string()) {
    // UTF-8 bytes sort as their code points do.
    const std::string& a = left.string()->text.bytes();
    const std::string& b = right.string()->text.bytes();
    budget.Step(std::min(a.size(), b.size()) / 64);
    return Satisfies(op, a.compare(b));
  }
  if (left.sequence() && right.sequence() && left.is_tuple() == right.is_tuple()) {
    const auto& a = left.sequence()->items;
    const auto& b = right.sequence()->items;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
      if (!Equal(budget, a[i], b[i])) return Ordered(budget, op, a[i], b[i]);
    }
    return Satisfies(op, a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0);
  }
  throw EvaluationError("'" + std::string(OperatorText(op)) +
                        "' not supported between instances of '" + TypeName(left) + "' and '" +
                        TypeName(right) + "'");
}

}  // namespace

void RequireDefined(const Value& value) {
  if (const UndefinedObject* undefined = value.undefined()) {
    throw EvaluationError(undefined->Message());
  }
}

bool Equal(Budget& budget, const Value& left, const Value& right) {
  budget.Step();
  if (left.IsNumber() && right.IsNumber()) {
    const std::optional<int> order = CompareNumbers(left, right);
    return order && *order == 0;
  }
  if (left.string() && right.string()) {
    const std::string& a = left.string()->text.bytes();
    const std::string& b = right.string()->text.bytes();
    if (a.size() == b.size()) budget.Step(a.size() / 64);
    return a == b;
  }
  if (left.undefined() && right.undefined()) return true;
  if (left.sequence() && right.sequence()) {
    return left.is_tuple() == right.is_tuple() &&
           EqualItems(budget, left.sequence()->items, right.sequence()->items);
  }
  if (left.dict() && right.dict()) return EqualDicts(budget, *left.dict(), *right.dict());
  if (left.range() && right.range()) {
    return EqualItems(budget, Iterate(budget, left), Iterate(budget, right));
  }
  return left.IsSame(right);
}

bool Less(Budget& budget, const Value& left, const Value& right) {
  return Ordered(budget, CompareOp::kLess, left, right);
}

bool Contains(Budget& budget, const Value& container, const Value& item) {
  if (const StringObject* text = container.string()) {
    RequireDefined(item);
    if (!item.string()) {
      throw EvaluationError("'in <string>' requires string as left operand, not " + TypeName(item));
    }
    budget.Step(text->text.size() / 64);
    return HasText(text->text.bytes(), item.string()->text.bytes());
  }
  if (container.dict()) return container.dict()->Find(budget, item) != nullptr;
  if (container.view() && container.view()->kind == DictView::Kind::kKeys) {
    return container.view()->dict->Find(budget, item) != nullptr;
  }
  if (!IsIterable(container)) {
    throw EvaluationError("argument of type '" + TypeName(container) + "' is not iterable");
  }
  if (container.sequence()) {
    const auto& items = container.sequence()->items;
    return std::any_of(items.begin(), items.end(),
                       [&](const Value& candidate) { return Equal(budget, candidate, item); });
  }
  const std::vector<Value> items = Iterate(budget, container);
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& candidate) { return Equal(budget, candidate, item); });
}

bool Compare(Budget& budget, CompareOp op, const Value& left, const Value& right) {
  switch (op) {
    case CompareOp::kEqual:
      return Equal(budget, left, right);
    case CompareOp::kNotEqual:
      return !Equal(budget, left, right);
    case CompareOp::kIn:
      return Contains(budget, right, left);
    case CompareOp::kNotIn:
      return !Contains(budget, right, left);
    default:
      return Ordered(budget, op, left, right);
  }
}

}  // namespace moira::engine::jinja
