#pragma once

#include <optional>
#include <vector>

#include "engine/engine.h"
#include "server/api/api_error.h"
#include "server/api/completion_request.h"

namespace moira::server {

// Renders a conversation with the model's template and encodes it. Only the template's own text can
// become control tokens; what the request holds stays text.
std::optional<ApiError> EncodeChat(const engine::Engine& engine, const ChatInput& chat,
                                   std::vector<engine::TokenId>* tokens);

// Encodes one prompt of /v1/completions. Its text may spell control tokens: clients that render
// templates themselves depend on it, and the prompt is theirs as a whole.
std::vector<engine::TokenId> EncodePrompt(const engine::Tokenizer& tokenizer,
                                          const PromptInput& prompt);

}  // namespace moira::server
