#pragma once

#include <optional>

#include "server/api/api_error.h"
#include "server/api/json_reader.h"

namespace moira::server {

// Brings the `messages` of a chat request into the form that chat templates expect: content parts
// joined to one string, "developer" as "system", arguments of tool calls as the map that their JSON
// text holds. Refuses what is no text, naming the message.
std::optional<ApiError> NormalizeMessages(const TemplateValue& messages, TemplateValue* normalized);

// Checks the list of tools: objects of type "function" with a name.
std::optional<ApiError> CheckTools(const TemplateValue& tools);

}  // namespace moira::server
