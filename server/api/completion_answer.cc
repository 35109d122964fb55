#include "server/api/completion_answer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

namespace moira::server {
namespace {

using Object = nlohmann::ordered_json;

std::string Dump(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

double PerSecond(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

Object UsageObject(const AnswerTotals& totals) {
  return {{"prompt_tokens", totals.prompt_tokens},
          {"completion_tokens", totals.generated_tokens},
          {"total_tokens", totals.prompt_tokens + totals.generated_tokens},
          {"prompt_tokens_details", {{"cached_tokens", totals.cached_tokens}}}};
}

Object TimingsObject(const AnswerTotals& totals) {
  const uint64_t computed = totals.prompt_tokens - totals.cached_tokens;
  return {{"cache_n", totals.cached_tokens},
          {"prompt_n", computed},
          {"prompt_ms", totals.prefill_seconds * 1e3},
          {"prompt_per_second", PerSecond(computed, totals.prefill_seconds)},
          {"predicted_n", totals.generated_tokens},
          {"predicted_ms", totals.decode_seconds * 1e3},
          {"predicted_per_second", PerSecond(totals.decode_intervals, totals.decode_seconds)},
          {"queue_ms", totals.queue_seconds * 1e3},
          {"expert_hits", totals.expert_hits},
          {"expert_misses", totals.expert_misses}};
}

bool IsWholeUtf8(const std::string& bytes) {
  Utf8Assembler assembler;
  return assembler.Append(bytes) == bytes && assembler.held() == 0;
}

// OpenAI's spelling of a token that is no text by itself.
std::string EscapedBytes(const std::string& bytes) {
  std::string out = "bytes:";
  char hex[8];
  for (const char c : bytes) {
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
    out += hex;
  }
  return out;
}

Object BytesArray(const std::string& bytes) {
  Object array = Object::array();
  for (const char c : bytes) array.push_back(static_cast<unsigned char>(c));
  return array;
}

Object LogprobOrNull(const std::optional<float>& logprob) {
  // JSON has no infinity; clients compare with the lowest number that vLLM sends.
  if (!logprob) return nullptr;
  return std::max(*logprob, -9999.0f);
}

}  // namespace

void AnswerTotals::Add(const engine::RequestTimings& timings, bool counts_prompt) {
  if (counts_prompt) {
    prompt_tokens += timings.prompt_tokens;
    cached_tokens += timings.cached_tokens;
  }
  generated_tokens += timings.generated_tokens;
  expert_hits += timings.expert_hits;
  expert_misses += timings.expert_misses;
  queue_seconds = std::max(queue_seconds, timings.queue_seconds);
  prefill_seconds = std::max(prefill_seconds, timings.prefill_seconds);
  decode_seconds = std::max(decode_seconds, timings.decode_seconds);
  if (timings.generated_tokens > 1) decode_intervals += timings.generated_tokens - 1;
}

std::string_view FinishReasonName(engine::FinishReason reason) {
  return reason == engine::FinishReason::kLength ? "length" : "stop";
}

std::string RandomId() {
  std::random_device random;
  char text[32];
  std::snprintf(text, sizeof text, "%08x%08x%08x", random(), random(), random());
  return text;
}

struct AnswerFormat::Json {
  const AnswerFormat& format;

  bool chat() const { return format.request_.endpoint == Endpoint::kChat; }

  std::string TokenName(engine::TokenId token) const {
    if (format.request_.return_tokens_as_token_ids) return "token_id:" + std::to_string(token);
    const std::string bytes = format.tokenizer_.TokenText(token, true);
    return chat() || IsWholeUtf8(bytes) ? bytes : EscapedBytes(bytes);
  }

  Object ChatLogprob(engine::TokenId token, std::optional<float> logprob) const {
    return {{"token", TokenName(token)},
            {"logprob", LogprobOrNull(logprob)},
            {"bytes", BytesArray(format.tokenizer_.TokenText(token, true))}};
  }

  Object ChatLogprobs(const std::vector<PlacedToken>& tokens) const {
    Object content = Object::array();
    for (const PlacedToken& placed : tokens) {
      Object entry = ChatLogprob(placed.token.token, placed.token.logprob);
      Object top = Object::array();
      for (const engine::TokenLogprob& other : placed.token.alternatives) {
        if (top.size() == format.request_.logprob_count) break;
        top.push_back(ChatLogprob(other.token, other.logprob));
      }
      entry["top_logprobs"] = std::move(top);
      content.push_back(std::move(entry));
    }
    return {{"content", std::move(content)}, {"refusal", nullptr}};
  }

  Object TopLogprobs(const engine::GeneratedToken& token) const {
    if (!token.logprob) return nullptr;
    Object top = Object::object();
    for (const engine::TokenLogprob& other : token.alternatives) {
      if (top.size() == format.request_.logprob_count) break;
      top[TokenName(other.token)] = LogprobOrNull(other.logprob);
    }
    top[TokenName(token.token)] = LogprobOrNull(token.logprob);
    return top;
  }

  Object TextLogprobs(const std::vector<PlacedToken>& tokens) const {
    Object names = Object::array(), logprobs = Object::array(), top = Object::array(),
           offsets = Object::array();
    for (const PlacedToken& placed : tokens) {
      names.push_back(TokenName(placed.token.token));
      logprobs.push_back(LogprobOrNull(placed.token.logprob));
      top.push_back(TopLogprobs(placed.token));
      offsets.push_back(placed.text_offset);
    }
    return {{"tokens", std::move(names)},
            {"token_logprobs", std::move(logprobs)},
            {"top_logprobs", std::move(top)},
            {"text_offset", std::move(offsets)}};
  }

  Object Logprobs(const std::vector<PlacedToken>& tokens) const {
    if (!format.request_.wants_logprobs) return nullptr;
    return chat() ? ChatLogprobs(tokens) : TextLogprobs(tokens);
  }

  void AddTokenIds(Object& choice, const std::vector<PlacedToken>& tokens) const {
    if (!format.request_.return_token_ids) return;
    Object ids = Object::array();
    for (const PlacedToken& placed : tokens) ids.push_back(placed.token.token);
    choice["token_ids"] = std::move(ids);
  }

  // vLLM has the prompt's ids beside the choices of a chat and inside the choices of a completion.
  void AddPromptIds(Object& answer, Object& choice, std::span<const engine::TokenId> prompt) const {
    if (!format.request_.return_token_ids) return;
    (chat() ? answer : choice)["prompt_token_ids"] =
        std::vector<engine::TokenId>(prompt.begin(), prompt.end());
  }

  Object Head(std::string_view chat_object) const {
    return {{"id", format.id_},
            {"object", chat() ? std::string(chat_object) : "text_completion"},
            {"created", format.created_},
            {"model", format.model_}};
  }

  // A chunk with one choice, or with none for the usage.
  Object Chunk(Object choices) const {
    Object chunk = Head("chat.completion.chunk");
    chunk["choices"] = std::move(choices);
    if (format.request_.include_usage) chunk["usage"] = nullptr;
    return chunk;
  }

  Object Choice(size_t index, const TextDelta& delta, Object reason) const {
    Object choice = {{"index", index}};
    if (!chat()) {
      choice["text"] = delta.text;
    } else if (delta.text.empty()) {
      choice["delta"] = Object::object();
    } else {
      choice["delta"] = {{"content", delta.text}};
    }
    choice["logprobs"] = delta.tokens.empty() ? Object(nullptr) : Logprobs(delta.tokens);
    choice["finish_reason"] = std::move(reason);
    return choice;
  }

  Object WholeChoice(size_t index, const ChoiceAnswer& answer) const {
    Object choice = {{"index", index}};
    if (chat()) {
      choice["message"] = {
          {"role", "assistant"}, {"content", answer.content.text}, {"refusal", nullptr}};
    } else {
      choice["text"] = answer.content.text;
    }
    choice["logprobs"] = Logprobs(answer.content.tokens);
    choice["finish_reason"] = std::string(answer.finish_reason);
    AddTokenIds(choice, answer.content.tokens);
    return choice;
  }
};

AnswerFormat::AnswerFormat(const CompletionRequest& request, const engine::Tokenizer& tokenizer,
                           std::string_view model)
    : request_(request),
      tokenizer_(tokenizer),
      model_(model),
      id_((request.endpoint == Endpoint::kChat ? "chatcmpl-" : "cmpl-") + RandomId()),
      created_(static_cast<int64_t>(std::time(nullptr))) {}

bool AnswerFormat::has_first_chunk() const {
  return request_.endpoint == Endpoint::kChat || request_.return_token_ids;
}

std::string AnswerFormat::FirstChunk(size_t index, std::span<const engine::TokenId> prompt) const {
  const Json json{*this};
  Object choice = json.Choice(index, {}, nullptr);
  if (json.chat()) choice["delta"] = {{"role", "assistant"}, {"content", ""}};
  Object chunk = json.Chunk(Object::array());
  json.AddPromptIds(chunk, choice, prompt);
  chunk["choices"].push_back(std::move(choice));
  return Dump(chunk);
}

std::string AnswerFormat::DeltaChunk(size_t index, const TextDelta& delta) const {
  const Json json{*this};
  Object choice = json.Choice(index, delta, nullptr);
  json.AddTokenIds(choice, delta.tokens);
  return Dump(json.Chunk(Object::array({std::move(choice)})));
}

std::string AnswerFormat::FinishChunk(size_t index, std::string_view reason,
                                      const AnswerTotals* totals) const {
  const Json json{*this};
  Object chunk = json.Chunk(Object::array({json.Choice(index, {}, std::string(reason))}));
  if (totals != nullptr) chunk["timings"] = TimingsObject(*totals);
  return Dump(chunk);
}

std::string AnswerFormat::UsageChunk(const AnswerTotals& totals) const {
  Object chunk = Json{*this}.Chunk(Object::array());
  chunk["usage"] = UsageObject(totals);
  chunk["timings"] = TimingsObject(totals);
  return Dump(chunk);
}

std::string AnswerFormat::Whole(std::span<const ChoiceAnswer> choices,
                                const AnswerTotals& totals) const {
  const Json json{*this};
  Object answer = json.Head("chat.completion");
  answer["choices"] = Object::array();
  for (size_t i = 0; i < choices.size(); ++i) {
    Object choice = json.WholeChoice(i, choices[i]);
    json.AddPromptIds(answer, choice, choices[i].prompt);
    answer["choices"].push_back(std::move(choice));
  }
  answer["usage"] = UsageObject(totals);
  answer["timings"] = TimingsObject(totals);
  return Dump(answer);
}

}  // namespace moira::server
