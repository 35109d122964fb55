#include "server/api/api_error.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace moira::server {
namespace {

struct StatusRow {
  int http_status;
  std::string_view type;
  std::string_view code;
};

// OpenAI's types; `code` where clients look for one.
constexpr std::array<StatusRow, 9> kStatusRows = {{
    {400, "invalid_request_error", ""},
    {401, "invalid_request_error", "invalid_api_key"},
    {403, "permission_error", ""},
    {404, "invalid_request_error", "not_found"},
    {405, "invalid_request_error", "method_not_allowed"},
    {429, "requests", "rate_limit_exceeded"},
    {500, "server_error", ""},
    {501, "not_supported_error", ""},
    {503, "unavailable_error", ""},
}};

const StatusRow& RowOf(int http_status) {
  const auto* row = std::find_if(kStatusRows.begin(), kStatusRows.end(),
                                 [&](const StatusRow& r) { return r.http_status == http_status; });
  return row != kStatusRows.end() ? *row : kStatusRows[http_status < 500 ? 0 : 6];
}

int HttpStatusOf(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kUnsupported:
      return 400;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kResourceExhausted:
      return 429;
    case StatusCode::kUnavailable:
    case StatusCode::kCancelled:
    case StatusCode::kDeadlineExceeded:
      return 503;
    case StatusCode::kOk:
    case StatusCode::kInvalidData:
    case StatusCode::kIoError:
    case StatusCode::kInternal:
      return 500;
  }
  return 500;
}

nlohmann::ordered_json OrNull(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

}  // namespace

ApiError TransportError(int http_status, std::string message) {
  const StatusRow& row = RowOf(http_status);
  return {http_status, std::string(row.type), std::string(row.code), "", std::move(message), {}};
}

ApiError FieldError(std::string_view field, std::string message) {
  ApiError error = TransportError(400, std::move(message));
  error.param = field;
  return error;
}

ApiError ContextLengthError(size_t prompt_tokens, size_t context_size) {
  ApiError error = TransportError(
      400, "the prompt has " + std::to_string(prompt_tokens) +
               " tokens; together with at least one generated token it must fit the context of " +
               std::to_string(context_size));
  error.code = "context_length_exceeded";
  return error;
}

ApiError UnknownModelError(std::string_view model) {
  ApiError error =
      TransportError(404, "the model '" + std::string(model.substr(0, 200)) + "' does not exist");
  error.code = "model_not_found";
  error.param = "model";
  return error;
}

ApiError InvalidKeyError(bool presented) {
  return TransportError(401, presented ? "the API key is not one of this server's"
                                       : "an API key is needed: 'Authorization: Bearer KEY'");
}

ApiError OverloadedError(int retry_after) {
  ApiError error = TransportError(
      429, "all places for requests are taken; try again in " + std::to_string(retry_after) + " s");
  error.retry_after = retry_after;
  return error;
}

ApiError UnavailableError(std::string_view state, int retry_after) {
  ApiError error = TransportError(503, "the server is " + std::string(state));
  error.code = state;
  error.retry_after = retry_after;
  return error;
}

ApiError ErrorOf(const Status& status, int retry_after) {
  if (status.code() == StatusCode::kResourceExhausted) return OverloadedError(retry_after);
  ApiError error = TransportError(HttpStatusOf(status.code()), status.message());
  if (error.http_status == 503) error.retry_after = retry_after;
  return error;
}

std::string ErrorBody(const ApiError& error) {
  const nlohmann::ordered_json body = {{"error",
                                        {{"message", error.message},
                                         {"type", error.type},
                                         {"param", OrNull(error.param)},
                                         {"code", OrNull(error.code)}}}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Response ErrorResponse(const ApiError& error) {
  Response response;
  response.status = error.http_status;
  response.content_type = "application/json";
  response.body = ErrorBody(error);
  if (error.retry_after) {
    response.fields.emplace_back("Retry-After", std::to_string(*error.retry_after));
  }
  if (error.http_status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace moira::server
