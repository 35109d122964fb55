#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/device/status.h"
#include "server/http/message.h"

namespace moira::server {

// An answer other than success, in the shape that OpenAI clients map to their exception classes.
struct ApiError {
  int http_status = 500;
  std::string type;
  std::string code;   // empty = null
  std::string param;  // the request field; empty = null
  std::string message;
  std::optional<int> retry_after;  // seconds
};

// 400 that names the field.
ApiError FieldError(std::string_view field, std::string message);
// 400 whose code clients look for to shorten the conversation.
ApiError ContextLengthError(size_t prompt_tokens, size_t context_size);
ApiError UnknownModelError(std::string_view model);
ApiError InvalidKeyError(bool presented);
ApiError OverloadedError(int retry_after);
// 503; `state` is "loading" or "draining".
ApiError UnavailableError(std::string_view state, int retry_after);
// What the transport refuses: the type follows from the HTTP status.
ApiError TransportError(int http_status, std::string message);
// A failed call of the engine or the tokenizer.
ApiError ErrorOf(const Status& status, int retry_after);

// {"error":{"message","type","param","code"}}
std::string ErrorBody(const ApiError& error);
Response ErrorResponse(const ApiError& error);

}  // namespace moira::server
