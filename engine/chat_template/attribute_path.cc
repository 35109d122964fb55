#include "engine/chat_template/attribute_path.h"

#include <algorithm>
#include <charconv>

#include "engine/chat_template/attributes.h"
#include "engine/chat_template/text_ops.h"

namespace moira::engine::jinja {

AttributePath::AttributePath(Context& context, const Value& attribute) {
  if (attribute.is_none()) return;
  if (!attribute.string()) {
    parts_ = {attribute};
    return;
  }
  for (MarkedText& part : Split(context.budget(), attribute.string()->text, ".", -1, Side::kLeft)) {
    const std::string& bytes = part.bytes();
    int64_t index = 0;
    const auto read = std::from_chars(bytes.data(), bytes.data() + bytes.size(), index);
    const bool is_index = !bytes.empty() && bytes[0] != '-' && read.ec == std::errc() &&
                          read.ptr == bytes.data() + bytes.size();
    parts_.push_back(is_index ? Value::Int(index) : Value::String(std::move(part)));
  }
}

Value AttributePath::Of(Context& context, Value item, const Value* otherwise) const {
  for (const Value& part : parts_) {
    item = GetItem(context, item, part);
    if (otherwise && item.is_undefined()) item = *otherwise;
  }
  return item;
}

Value ComparisonKey(Context& context, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.string()) return value;
  return Value::String(Lower(context.budget(), value.string()->text));
}

}  // namespace moira::engine::jinja
