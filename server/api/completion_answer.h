#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "server/api/choice_text.h"
#include "server/api/completion_request.h"

namespace moira::server {

// Figures of a whole answer: all its sequences together.
class AnswerTotals {
 public:
  // `counts_prompt` is false for further choices of a prompt that was counted already: a client
  // pays for a prompt once.
  void Add(const engine::RequestTimings& timings, bool counts_prompt);

  uint64_t prompt_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t generated_tokens = 0;
  uint64_t expert_hits = 0;
  uint64_t expert_misses = 0;
  double queue_seconds = 0;       // of the sequence that waited longest
  double prefill_seconds = 0;     // likewise
  double decode_seconds = 0;      // likewise
  uint64_t decode_intervals = 0;  // token-to-token steps that decode_seconds spans
};

struct ChoiceAnswer {
  TextDelta content;  // the whole of it
  std::string_view finish_reason;
  std::vector<engine::TokenId> prompt;  // for return_token_ids
};

// "stop" or "length".
std::string_view FinishReasonName(engine::FinishReason reason);

// The JSON texts of one request's answer, in OpenAI's shapes with llama.cpp's `timings` and vLLM's
// token ids. Const after creation.
class AnswerFormat {
 public:
  // All must outlive this. `model` is the name that the answer shows.
  AnswerFormat(const CompletionRequest& request, const engine::Tokenizer& tokenizer,
               std::string_view model);

  const std::string& id() const { return id_; }

  // Chunks of a stream. The first of a choice says the role (chat) and, if asked for, the prompt.
  std::string FirstChunk(size_t index, std::span<const engine::TokenId> prompt) const;
  bool has_first_chunk() const;
  std::string DeltaChunk(size_t index, const TextDelta& delta) const;
  // `totals` go into the last one, when no usage chunk follows; may be null.
  std::string FinishChunk(size_t index, std::string_view reason, const AnswerTotals* totals) const;
  std::string UsageChunk(const AnswerTotals& totals) const;

  // An answer in one piece; choices in the order of their index.
  std::string Whole(std::span<const ChoiceAnswer> choices, const AnswerTotals& totals) const;

 private:
  struct Json;  // the builders, which need the JSON library

  const CompletionRequest& request_;
  const engine::Tokenizer& tokenizer_;
  std::string model_;
  std::string id_;
  int64_t created_;  // seconds since 1970
};

// Random, for ids of answers: 24 hexadecimal digits.
std::string RandomId();

}  // namespace moira::server
