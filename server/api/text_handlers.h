#pragma once

#include "server/api/completion_handler.h"
#include "server/http/message.h"

namespace moira::server {

// The routes that answer at once, without generating.
Response HandleTokenize(const Request& request, const ApiContext& context);
Response HandleDetokenize(const Request& request, const ApiContext& context);
Response HandleModels(const ApiContext& context);
// `name` as it stands in the path, decoded.
Response HandleModel(const std::string& name, const ApiContext& context);

}  // namespace moira::server
