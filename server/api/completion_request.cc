#include "server/api/completion_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "server/api/chat_messages.h"

namespace moira::server {
namespace {

using MaybeError = std::optional<ApiError>;
using Request = CompletionRequest;

constexpr unsigned kChat = static_cast<unsigned>(Endpoint::kChat);
constexpr unsigned kText = static_cast<unsigned>(Endpoint::kCompletion);
constexpr unsigned kBoth = kChat | kText;

constexpr size_t kMaxStops = 16;  // OpenAI takes 4; local front ends send more
constexpr size_t kMaxStopBytes = 256;
constexpr size_t kMaxPrompts = 64;  // of one request
constexpr size_t kMaxLogitBias = 1024;
constexpr size_t kMaxTemplateArguments = 64;
constexpr uint32_t kDefaultTextTokens = 16;  // OpenAI's max_tokens of /v1/completions
constexpr double kNoLimit = -1;              // of max_tokens, as llama.cpp's clients send it
constexpr double kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr double kMaxInt64 = 9223372036854775808.0;  // 2^63: every integer that was read fits

enum class FieldType { kBoolean, kInteger, kNumber, kString, kOther };

// A value that already has the row's type and range.
struct FieldValue {
  bool boolean = false;
  int64_t integer = 0;
  double number = 0;
  const TemplateValue* raw = nullptr;
};

struct Target {
  Request& request;
  const SchemaContext& context;
};

struct Field {
  std::string_view name;
  FieldType type;
  double minimum;
  double maximum;
  unsigned endpoints;
  MaybeError (*set)(const Target&, const FieldValue&);
};

constexpr std::nullopt_t kGood = std::nullopt;

std::string Bound(double value) {
  std::string text = value == std::floor(value) && std::fabs(value) < 1e15
                         ? std::to_string(static_cast<int64_t>(value))
                         : std::to_string(value);
  return text;
}

MaybeError SetStop(const Target& target, const FieldValue& value) {
  const std::string limits = "stop must be a string or a list of at most " +
                             std::to_string(kMaxStops) + " strings of at most " +
                             std::to_string(kMaxStopBytes) + " bytes";
  const auto add = [&](const TemplateValue& item) {
    const std::string* text = item.if_string();
    if (text == nullptr || text->size() > kMaxStopBytes) return false;
    target.request.stop.push_back(*text);
    return true;
  };
  if (value.raw->if_list() == nullptr) {
    return add(*value.raw) ? MaybeError() : FieldError("stop", limits);
  }
  const TemplateValue::List& list = *value.raw->if_list();
  if (list.size() > kMaxStops || !std::all_of(list.begin(), list.end(), add)) {
    return FieldError("stop", limits);
  }
  return kGood;
}

std::optional<engine::TokenId> ReadTokenId(const TemplateValue& value, size_t vocabulary) {
  const int64_t* id = value.if_int();
  if (id == nullptr || *id < 0 || static_cast<uint64_t>(*id) >= vocabulary) return std::nullopt;
  return static_cast<engine::TokenId>(*id);
}

std::optional<double> ReadNumber(const TemplateValue& value) {
  if (const int64_t* integer = value.if_int()) return static_cast<double>(*integer);
  if (const double* number = value.if_float()) return *number;
  return std::nullopt;
}

MaybeError SetLogitBias(const Target& target, const FieldValue& value) {
  const TemplateValue::Map* map = value.raw->if_map();
  if (map == nullptr || map->size() > kMaxLogitBias) {
    return FieldError("logit_bias", "logit_bias must be an object of at most " +
                                        std::to_string(kMaxLogitBias) + " token ids and numbers");
  }
  for (const auto& [key, bias] : *map) {
    int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool whole = error == std::errc() && end == key.data() + key.size();
    const auto token = whole ? ReadTokenId(TemplateValue::Int(id), target.context.vocabulary)
                             : std::optional<engine::TokenId>();
    if (!token) {
      return FieldError("logit_bias", "logit_bias: '" + key.substr(0, 40) +
                                          "' is no token id below " +
                                          std::to_string(target.context.vocabulary));
    }
    const std::optional<double> number = ReadNumber(bias);
    if (!number || *number < -100 || *number > 100) {
      return FieldError("logit_bias", "logit_bias of token " + key + " must be in -100..100");
    }
    target.request.sampling.logit_bias[*token] = static_cast<float>(*number);
  }
  return kGood;
}

MaybeError SetStreamOptions(const Target& target, const FieldValue& value) {
  if (value.raw->if_map() == nullptr) {
    return FieldError("stream_options", "stream_options must be an object");
  }
  const TemplateValue* usage = FindField(*value.raw, "include_usage");
  if (usage == nullptr) return kGood;
  if (usage->if_bool() == nullptr) {
    return FieldError("stream_options.include_usage", "include_usage must be true or false");
  }
  target.request.include_usage = *usage->if_bool();
  return kGood;
}

MaybeError CheckResponseFormat(const Target&, const FieldValue& value) {
  const TemplateValue* type = FindField(*value.raw, "type");
  if (type == nullptr || type->if_string() == nullptr) {
    return FieldError("response_format", "response_format must be an object with a 'type'");
  }
  if (*type->if_string() != "text") {
    return FieldError("response_format", "response_format '" + type->if_string()->substr(0, 40) +
                                             "' is not supported: only 'text' is");
  }
  return kGood;
}

MaybeError CheckToolChoice(const Target& target, const FieldValue& value) {
  const std::string* choice = value.raw->if_string();
  if (choice != nullptr && *choice == "auto") return kGood;
  if (choice != nullptr && *choice == "none") {
    target.request.chat.tools = TemplateValue();
    return kGood;
  }
  return FieldError("tool_choice", "tool_choice must be 'auto' or 'none': a call cannot be forced");
}

MaybeError SetTools(const Target& target, const FieldValue& value) {
  if (MaybeError error = CheckTools(*value.raw)) return error;
  if (!value.raw->if_list()->empty()) target.request.chat.tools = *value.raw;
  return kGood;
}

MaybeError SetTemplateArguments(const Target& target, const FieldValue& value) {
  // What the template's trusted variables are called; a request may not replace them.
  static constexpr std::array<std::string_view, 5> kReserved = {
      "messages", "tools", "add_generation_prompt", "bos_token", "eos_token"};
  const TemplateValue::Map* map = value.raw->if_map();
  if (map == nullptr || map->size() > kMaxTemplateArguments) {
    return FieldError("chat_template_kwargs", "chat_template_kwargs must be an object of at most " +
                                                  std::to_string(kMaxTemplateArguments) +
                                                  " entries");
  }
  for (const auto& entry : *map) {
    if (std::find(kReserved.begin(), kReserved.end(), entry.first) != kReserved.end()) {
      return FieldError("chat_template_kwargs",
                        "chat_template_kwargs may not set '" + entry.first + "'");
    }
  }
  target.request.chat.kwargs = *map;
  return kGood;
}

MaybeError SetMessages(const Target& target, const FieldValue& value) {
  return NormalizeMessages(*value.raw, &target.request.chat.messages);
}

MaybeError ReadTokens(const TemplateValue::List& list, size_t vocabulary, PromptInput* prompt) {
  prompt->tokens.emplace();
  prompt->tokens->reserve(list.size());
  for (const TemplateValue& item : list) {
    const std::optional<engine::TokenId> token = ReadTokenId(item, vocabulary);
    if (!token) {
      return FieldError("prompt", "prompt: a token id must be an integer in 0.." +
                                      std::to_string(vocabulary - 1));
    }
    prompt->tokens->push_back(*token);
  }
  return kGood;
}

MaybeError SetPrompt(const Target& target, const FieldValue& value) {
  std::vector<PromptInput>& prompts = target.request.prompts;
  if (const std::string* text = value.raw->if_string()) {
    prompts.push_back({*text, std::nullopt});
    return kGood;
  }
  const TemplateValue::List* list = value.raw->if_list();
  if (list == nullptr || list->empty()) {
    return FieldError("prompt",
                      "prompt must be a string, a list of strings, or token ids, and not empty");
  }
  const size_t vocabulary = target.context.vocabulary;
  if (list->front().if_string() == nullptr && list->front().if_list() == nullptr) {
    return ReadTokens(*list, vocabulary, &prompts.emplace_back());
  }
  if (list->size() > kMaxPrompts) {
    return FieldError("prompt", "prompt: " + std::to_string(list->size()) + " prompts, at most " +
                                    std::to_string(kMaxPrompts));
  }
  for (const TemplateValue& item : *list) {
    PromptInput& prompt = prompts.emplace_back();
    if (const std::string* text = item.if_string()) {
      prompt.text = *text;
    } else if (const TemplateValue::List* tokens = item.if_list()) {
      if (MaybeError error = ReadTokens(*tokens, vocabulary, &prompt)) return error;
    } else {
      return FieldError("prompt", "prompt: every item must be a string or a list of token ids");
    }
  }
  return kGood;
}

MaybeError SetMaxTokens(const Target& target, const FieldValue& value) {
  target.request.max_tokens.reset();
  if (value.integer >= 0) target.request.max_tokens = static_cast<uint32_t>(value.integer);
  return kGood;
}

MaybeError SetSeed(const Target& target, const FieldValue& value) {
  // -1 asks for a random one, as in llama.cpp.
  if (value.integer != -1) target.request.sampling.seed = static_cast<uint64_t>(value.integer);
  return kGood;
}

MaybeError RefuseSuffix(const Target&, const FieldValue&) {
  return FieldError("suffix", "suffix is not supported: this model only continues text");
}

template <float engine::SamplingOptions::*Member>
MaybeError SetSampling(const Target& target, const FieldValue& value) {
  target.request.sampling.*Member = static_cast<float>(value.number);
  return kGood;
}

template <bool Request::*Member>
MaybeError SetFlag(const Target& target, const FieldValue& value) {
  target.request.*Member = value.boolean;
  return kGood;
}

MaybeError Accept(const Target&, const FieldValue&) { return kGood; }

MaybeError SetModel(const Target& target, const FieldValue& value) {
  target.request.model = *value.raw->if_string();
  return kGood;
}

MaybeError SetTopK(const Target& target, const FieldValue& value) {
  target.request.sampling.top_k = static_cast<uint32_t>(std::max<int64_t>(value.integer, 0));
  return kGood;
}

MaybeError SetChoices(const Target& target, const FieldValue& value) {
  target.request.choices = static_cast<uint32_t>(value.integer);
  return kGood;
}

MaybeError SetTopLogprobs(const Target& target, const FieldValue& value) {
  target.request.logprob_count = static_cast<uint32_t>(value.integer);
  return kGood;
}

MaybeError SetTextLogprobs(const Target& target, const FieldValue& value) {
  target.request.wants_logprobs = true;
  target.request.logprob_count = static_cast<uint32_t>(value.integer);
  return kGood;
}

using Sampling = engine::SamplingOptions;
constexpr auto kBool = FieldType::kBoolean;
constexpr auto kInt = FieldType::kInteger;
constexpr auto kNum = FieldType::kNumber;
constexpr auto kStr = FieldType::kString;
constexpr auto kAny = FieldType::kOther;

// Rows are applied in this order, whatever the order in the request: an alias that stands later
// wins, and tool_choice comes after tools. Out of range is refused, never clamped.
constexpr std::array kFields = {
    Field{"model", kStr, 0, 0, kBoth, SetModel},
    Field{"messages", kAny, 0, 0, kChat, SetMessages},
    Field{"tools", kAny, 0, 0, kChat, SetTools},
    Field{"tool_choice", kAny, 0, 0, kChat, CheckToolChoice},
    Field{"chat_template_kwargs", kAny, 0, 0, kChat, SetTemplateArguments},
    Field{"prompt", kAny, 0, 0, kText, SetPrompt},
    Field{"suffix", kAny, 0, 0, kText, RefuseSuffix},
    Field{"best_of", kInt, 1, 1, kText, Accept},
    Field{"echo", kBool, 0, 0, kText, SetFlag<&Request::echo>},
    Field{"max_tokens", kInt, kNoLimit, kMaxInt32, kBoth, SetMaxTokens},
    Field{"max_completion_tokens", kInt, kNoLimit, kMaxInt32, kChat, SetMaxTokens},
    Field{"n", kInt, 1, 8, kBoth, SetChoices},
    Field{"stop", kAny, 0, 0, kBoth, SetStop},
    Field{"stream", kBool, 0, 0, kBoth, SetFlag<&Request::stream>},
    Field{"stream_options", kAny, 0, 0, kBoth, SetStreamOptions},
    Field{"temperature", kNum, 0, 2, kBoth, SetSampling<&Sampling::temperature>},
    Field{"top_p", kNum, 0, 1, kBoth, SetSampling<&Sampling::top_p>},
    Field{"top_k", kInt, -1, kMaxInt32, kBoth, SetTopK},
    Field{"min_p", kNum, 0, 1, kBoth, SetSampling<&Sampling::min_p>},
    Field{"typical_p", kNum, 0, 1, kBoth, SetSampling<&Sampling::typical_p>},
    Field{"repeat_penalty", kNum, 0.01, 10, kBoth, SetSampling<&Sampling::repetition_penalty>},
    Field{"repetition_penalty", kNum, 0.01, 10, kBoth, SetSampling<&Sampling::repetition_penalty>},
    Field{"frequency_penalty", kNum, -2, 2, kBoth, SetSampling<&Sampling::frequency_penalty>},
    Field{"presence_penalty", kNum, -2, 2, kBoth, SetSampling<&Sampling::presence_penalty>},
    Field{"seed", kInt, -kMaxInt64, kMaxInt64, kBoth, SetSeed},
    Field{"logit_bias", kAny, 0, 0, kBoth, SetLogitBias},
    Field{"logprobs", kBool, 0, 0, kChat, SetFlag<&Request::wants_logprobs>},
    Field{"top_logprobs", kInt, 0, 20, kChat, SetTopLogprobs},
    Field{"logprobs", kInt, 0, 20, kText, SetTextLogprobs},
    Field{"response_format", kAny, 0, 0, kBoth, CheckResponseFormat},
    Field{"user", kStr, 0, 0, kBoth, Accept},
    Field{"ignore_eos", kBool, 0, 0, kBoth, SetFlag<&Request::ignore_end>},
    Field{"cache_prompt", kBool, 0, 0, kBoth, SetFlag<&Request::reuse_prefix>},
    Field{"return_token_ids", kBool, 0, 0, kBoth, SetFlag<&Request::return_token_ids>},
    Field{"return_tokens_as_token_ids", kBool, 0, 0, kBoth,
          SetFlag<&Request::return_tokens_as_token_ids>},
};

std::string_view TypeName(FieldType type) {
  switch (type) {
    case FieldType::kBoolean:
      return "boolean";
    case FieldType::kInteger:
      return "integer";
    case FieldType::kNumber:
      return "number";
    case FieldType::kString:
      return "string";
    case FieldType::kOther:
      return "other";
  }
  return "other";
}

MaybeError WrongType(const Field& field) {
  return FieldError(field.name, std::string(field.name) + " must be of type " +
                                    std::string(TypeName(field.type)));
}

MaybeError CheckRange(const Field& field, double value) {
  if (value >= field.minimum && value <= field.maximum) return kGood;
  return FieldError(field.name, std::string(field.name) + " is " + Bound(value) + ", must be in " +
                                    Bound(field.minimum) + ".." + Bound(field.maximum));
}

MaybeError ReadField(const Field& field, const TemplateValue& raw, FieldValue* value) {
  value->raw = &raw;
  switch (field.type) {
    case FieldType::kBoolean:
      if (raw.if_bool() == nullptr) return WrongType(field);
      value->boolean = *raw.if_bool();
      return kGood;
    case FieldType::kInteger:
      if (raw.if_int() == nullptr) return WrongType(field);
      value->integer = *raw.if_int();
      return CheckRange(field, static_cast<double>(value->integer));
    case FieldType::kNumber: {
      const std::optional<double> number = ReadNumber(raw);
      if (!number) return WrongType(field);
      value->number = *number;
      return CheckRange(field, value->number);
    }
    case FieldType::kString:
      return raw.if_string() == nullptr ? WrongType(field) : kGood;
    case FieldType::kOther:
      return kGood;
  }
  return kGood;
}

MaybeError CheckWhole(const Request& request) {
  if (request.endpoint == Endpoint::kChat) {
    if (request.chat.messages.is_none()) {
      return FieldError("messages", "messages is missing: a list of objects");
    }
    if (request.logprob_count > 0 && !request.wants_logprobs) {
      return FieldError("top_logprobs", "top_logprobs needs logprobs to be true");
    }
  } else if (request.prompts.empty()) {
    return FieldError("prompt", "prompt is missing: a string, a list of strings, or token ids");
  }
  return kGood;
}

}  // namespace

engine::SamplingOptions DefaultSampling(const engine::ModelInfo& model) {
  engine::SamplingOptions sampling;
  sampling.temperature = model.temperature.value_or(sampling.temperature);
  sampling.top_p = model.top_p.value_or(sampling.top_p);
  sampling.min_p = model.min_p.value_or(sampling.min_p);
  sampling.top_k = model.top_k.value_or(sampling.top_k);
  return sampling;
}

MaybeError ReadCompletionRequest(Endpoint endpoint, const TemplateValue& body,
                                 const SchemaContext& context, CompletionRequest* request) {
  if (body.if_map() == nullptr) return TransportError(400, "the body must be a JSON object");
  *request = {};
  request->endpoint = endpoint;
  request->sampling = context.sampling_defaults;
  if (endpoint == Endpoint::kCompletion) request->max_tokens = kDefaultTextTokens;
  const Target target{*request, context};
  for (const Field& field : kFields) {
    if ((field.endpoints & static_cast<unsigned>(endpoint)) == 0) continue;
    const TemplateValue* raw = FindField(body, field.name);
    if (raw == nullptr) continue;
    FieldValue value;
    if (MaybeError error = ReadField(field, *raw, &value)) return error;
    if (MaybeError error = field.set(target, value)) return error;
  }
  return CheckWhole(*request);
}

std::vector<FieldDescription> DescribeRequestFields() {
  std::vector<FieldDescription> rows;
  for (const Field& field : kFields) {
    rows.push_back(
        {field.name, TypeName(field.type), field.minimum, field.maximum, field.endpoints});
  }
  return rows;
}

}  // namespace moira::server
