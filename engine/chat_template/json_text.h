#pragma once

#include <optional>

#include "engine/chat_template/budget.h"
#include "engine/chat_template/value.h"

namespace moira::engine::jinja {

// The parameters of Python's json.dumps that the `tojson` of Hugging Face's environment passes on.
struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<MarkedText> indent;  // one level of it; no line breaks if not given
  MarkedText item_separator;
  MarkedText key_separator;
  bool sort_keys = false;
};

MarkedText JsonText(Budget& budget, const Value& value, const JsonStyle& style);

}  // namespace moira::engine::jinja
