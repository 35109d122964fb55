#include "engine/chat_template/template_value.h"

namespace moira::engine {

TemplateValue TemplateValue::Bool(bool value) {
  TemplateValue result;
  result.content_ = value;
  return result;
}

TemplateValue TemplateValue::Int(int64_t value) {
  TemplateValue result;
  result.content_ = value;
  return result;
}

TemplateValue TemplateValue::Float(double value) {
  TemplateValue result;
  result.content_ = value;
  return result;
}

TemplateValue TemplateValue::String(std::string text, bool untrusted) {
  TemplateValue result;
  result.content_ = std::make_shared<const Text>(Text{std::move(text), untrusted});
  return result;
}

TemplateValue TemplateValue::MakeList(List items) {
  TemplateValue result;
  result.content_ = std::make_shared<const List>(std::move(items));
  return result;
}

TemplateValue TemplateValue::MakeMap(Map entries, bool untrusted_keys) {
  TemplateValue result;
  result.content_ = std::make_shared<const Entries>(Entries{std::move(entries), untrusted_keys});
  return result;
}

const std::string* TemplateValue::if_string() const {
  const auto* text = std::get_if<std::shared_ptr<const Text>>(&content_);
  return text ? &(*text)->text : nullptr;
}

const TemplateValue::List* TemplateValue::if_list() const {
  const auto* list = std::get_if<std::shared_ptr<const List>>(&content_);
  return list ? list->get() : nullptr;
}

const TemplateValue::Map* TemplateValue::if_map() const {
  const auto* entries = std::get_if<std::shared_ptr<const Entries>>(&content_);
  return entries ? &(*entries)->entries : nullptr;
}

bool TemplateValue::untrusted() const {
  if (const auto* text = std::get_if<std::shared_ptr<const Text>>(&content_)) {
    return (*text)->untrusted;
  }
  const auto* entries = std::get_if<std::shared_ptr<const Entries>>(&content_);
  return entries && (*entries)->untrusted_keys;
}

}  // namespace moira::engine
