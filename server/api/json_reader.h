#pragma once

#include <cstddef>
#include <string_view>

#include "cache/device/status.h"
#include "engine/engine.h"

namespace moira::server {

using engine::TemplateValue;

struct JsonLimits {
  size_t depth = 64;          // of nested arrays and objects
  size_t values = 300'000;    // twice the longest context that a prompt of token ids can fill
  size_t map_entries = 4096;  // of one object
};

// Reads one JSON text. Every string is marked as a user's, so that no template can turn a part of
// it into a control token. kInvalidArgument with the byte for what is no JSON (NaN, a number beyond
// a double, invalid UTF-8, trailing text), for a field that comes twice, and at a limit. A number
// is an Int when it is written as an integer of 64 bits with sign, else a Float.
Result<TemplateValue> ParseJson(std::string_view text, const JsonLimits& limits = {});

// The entry of that name; null when `map` is no map, or has none, or has null there: the API treats
// null as absent throughout.
const TemplateValue* FindField(const TemplateValue& map, std::string_view name);

}  // namespace moira::server
