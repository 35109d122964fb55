#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "server/api/api_error.h"
#include "server/api/json_reader.h"

namespace moira::server {

// Values are bits, so that a row of the field table can name both.
enum class Endpoint : unsigned { kChat = 1, kCompletion = 2 };

// One prompt of /v1/completions.
struct PromptInput {
  std::string text;
  std::optional<std::vector<engine::TokenId>> tokens;  // given as ids instead of text
};

// What a chat template is rendered with. All strings of it are marked as a user's.
struct ChatInput {
  TemplateValue messages;     // list of maps; content is a string or none
  TemplateValue tools;        // list, or none
  TemplateValue::Map kwargs;  // chat_template_kwargs
};

// A request of either generating endpoint, checked as far as that is possible without a tokenizer.
struct CompletionRequest {
  Endpoint endpoint = Endpoint::kChat;
  std::string model;  // empty = not said
  engine::SamplingOptions sampling;
  std::optional<uint32_t> max_tokens;  // absent = as many as fit
  uint32_t choices = 1;
  std::vector<std::string> stop;
  bool stream = false;
  bool include_usage = false;
  bool ignore_end = false;
  bool echo = false;
  bool wants_logprobs = false;  // chat's boolean; for completions: the count was given
  uint32_t logprob_count = 0;
  bool return_token_ids = false;
  bool return_tokens_as_token_ids = false;
  bool reuse_prefix = true;
  std::vector<PromptInput> prompts;  // completions
  ChatInput chat;
};

// What the schema must know of the model.
struct SchemaContext {
  engine::SamplingOptions sampling_defaults;
  size_t vocabulary = 0;
};

// The model file's own defaults, else OpenAI's.
engine::SamplingOptions DefaultSampling(const engine::ModelInfo& model);

// Checks `body` field by field against one table. Fields that are not in it are ignored.
std::optional<ApiError> ReadCompletionRequest(Endpoint endpoint, const TemplateValue& body,
                                              const SchemaContext& context,
                                              CompletionRequest* request);

// A row of the table, for tests and documentation.
struct FieldDescription {
  std::string_view name;
  std::string_view type;  // "boolean", "integer", "number", "string", "other"
  double minimum;         // of numbers, inclusive
  double maximum;
  unsigned endpoints;  // bits of Endpoint
};
std::vector<FieldDescription> DescribeRequestFields();

}  // namespace moira::server
