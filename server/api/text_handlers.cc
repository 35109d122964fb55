#include "server/api/text_handlers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/json_reader.h"

namespace moira::server {
namespace {

using Object = nlohmann::ordered_json;
using engine::TokenId;

Response JsonResponse(const Object& object) {
  Response response;
  response.content_type = "application/json";
  response.body = object.dump(-1, ' ', false, Object::error_handler_t::replace);
  return response;
}

// The map that a body must be, or the answer that says why it is none.
std::variant<TemplateValue, Response> ReadMap(const Request& request) {
  Result<TemplateValue> json = ParseJson(request.body);
  if (!json.ok()) return ErrorResponse(TransportError(400, json.status().message()));
  if (json->if_map() == nullptr) {
    return ErrorResponse(TransportError(400, "the body must be a JSON object"));
  }
  return std::move(json).value();
}

// A field that may be absent; nullopt when it is there and no boolean.
std::optional<bool> ReadFlag(const TemplateValue& map, std::string_view name, bool otherwise) {
  const TemplateValue* value = FindField(map, name);
  if (value == nullptr) return otherwise;
  return value->if_bool() == nullptr ? std::nullopt : std::optional<bool>(*value->if_bool());
}

Object ModelObject(const ApiContext& context) {
  const engine::ModelInfo& model = context.engine.model();
  return {{"id", context.model},
          {"object", "model"},
          {"created", 0},  // the file does not say when
          {"owned_by", "moira"},
          {"max_model_len", model.context_size},
          {"meta",
           {{"name", model.name},
            {"architecture", model.architecture},
            {"n_vocab", model.vocabulary},
            {"n_ctx", model.context_size},
            {"n_ctx_train", model.trained_context},
            {"n_layer", model.layers},
            {"n_expert", model.experts},
            {"n_expert_used", model.experts_per_token},
            {"n_params", model.parameters},
            {"size", model.file_bytes}}}};
}

}  // namespace

// llama.cpp's {"content", "add_special", "parse_special"}; with vLLM's "prompt" instead of
// "content", BOS is added unless "add_special_tokens" says otherwise, and the count is shown.
Response HandleTokenize(const Request& request, const ApiContext& context) {
  auto body = ReadMap(request);
  if (auto* refusal = std::get_if<Response>(&body)) return std::move(*refusal);
  const TemplateValue& map = std::get<TemplateValue>(body);
  const TemplateValue* content = FindField(map, "content");
  const TemplateValue* prompt = FindField(map, "prompt");
  const TemplateValue* text = content != nullptr ? content : prompt;
  const std::string_view name = prompt != nullptr && content == nullptr ? "prompt" : "content";
  if (text == nullptr || text->if_string() == nullptr) {
    return ErrorResponse(FieldError(name, std::string(name) + " must be a string"));
  }
  const bool is_prompt = name == "prompt";
  const char* add_name = is_prompt ? "add_special_tokens" : "add_special";
  const std::optional<bool> add = ReadFlag(map, add_name, is_prompt);
  const std::optional<bool> parse = ReadFlag(map, "parse_special", true);
  if (!add) return ErrorResponse(FieldError(add_name, std::string(add_name) + " is no boolean"));
  if (!parse) return ErrorResponse(FieldError("parse_special", "parse_special is no boolean"));
  const std::vector<TokenId> tokens = context.engine.tokenizer().Encode(
      *text->if_string(), {.add_special = *add, .parse_special = *parse, .untrusted = {}});
  Object answer = {{"tokens", tokens}};
  if (is_prompt) {
    answer["count"] = tokens.size();
    answer["max_model_len"] = context.engine.model().context_size;
  }
  return JsonResponse(answer);
}

Response HandleDetokenize(const Request& request, const ApiContext& context) {
  auto body = ReadMap(request);
  if (auto* refusal = std::get_if<Response>(&body)) return std::move(*refusal);
  const TemplateValue* list = FindField(std::get<TemplateValue>(body), "tokens");
  if (list == nullptr || list->if_list() == nullptr) {
    return ErrorResponse(FieldError("tokens", "tokens must be a list of token ids"));
  }
  const engine::Tokenizer& tokenizer = context.engine.tokenizer();
  std::vector<TokenId> tokens;
  for (const TemplateValue& item : *list->if_list()) {
    const int64_t* id = item.if_int();
    if (id == nullptr || *id < 0 || static_cast<uint64_t>(*id) >= tokenizer.vocabulary_size()) {
      return ErrorResponse(
          FieldError("tokens", "tokens: an id must be an integer in 0.." +
                                   std::to_string(tokenizer.vocabulary_size() - 1)));
    }
    tokens.push_back(static_cast<TokenId>(*id));
  }
  return JsonResponse({{"content", tokenizer.Decode(tokens, true)}});
}

Response HandleModels(const ApiContext& context) {
  return JsonResponse({{"object", "list"}, {"data", Object::array({ModelObject(context)})}});
}

Response HandleModel(const std::string& name, const ApiContext& context) {
  if (name.empty() || !IsServedModel(context, name)) {
    return ErrorResponse(UnknownModelError(name));
  }
  return JsonResponse(ModelObject(context));
}

}  // namespace moira::server
