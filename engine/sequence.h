#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/sequence_kv.h"
#include "engine/token_stream.h"

namespace moira::engine {

// A request on its way: its tokens, how far they are computed, and what it needs to go on. Made by
// the thread that submits, then the engine thread's.
class Sequence {
 public:
  using Clock = std::chrono::steady_clock;

  // `request` is valid; its max_tokens is what the context leaves room for. `seed` is drawn by the
  // caller when the request has none.
  Sequence(GenerateRequest request, uint64_t seed, std::shared_ptr<StreamChannel> stream);
  // A sequence that was dropped without End ends with an error: no consumer waits for ever.
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  // Kept until the end: how its owner counts those that are left.
  void Hold(std::shared_ptr<void> token) { held_ = std::move(token); }

  const GenerateRequest& request() const { return request_; }
  StreamChannel& stream() { return *stream_; }
  bool cancelled() const { return stream_->cancelled().load(std::memory_order_relaxed); }

  // The prompt, then the answer so far.
  std::span<const TokenId> tokens() const { return tokens_; }
  size_t prompt_tokens() const { return request_.prompt.size(); }
  size_t generated_tokens() const { return tokens_.size() - prompt_tokens(); }
  uint32_t cached_tokens() const { return timings_.cached_tokens; }
  size_t most_tokens() const { return prompt_tokens() + request_.max_tokens; }
  // Leading tokens whose keys and values are in the pages; the rest is what steps are to compute.
  size_t computed() const { return computed_; }
  size_t uncomputed() const { return tokens_.size() - computed_; }
  // Whether tokens of the prompt are still to be computed.
  bool in_prefill() const { return computed_ < prompt_tokens(); }
  bool wants_prompt_logprobs() const { return request_.prompt_logprobs.has_value(); }

  // Takes a place: its pages come from `budget`; false when they are not to be had now.
  bool Admit(KvBudget& budget);
  // Covers the next `tokens` uncomputed tokens by pages.
  void PrepareStep(size_t tokens) { kv_->Extend(computed_ + tokens); }
  std::span<const cache::KvPageId> pages() const { return kv_->pages(); }
  // The next `tokens` tokens were computed; `rows` are their logits if the request wants the
  // prompt's log probabilities ([tokens, vocabulary], else ignored). kInternal when they are no
  // numbers.
  Status StepComputed(size_t tokens, std::span<const float> rows);
  // Makes the full pages findable for later requests. Called when nothing was wrong with the step.
  void SharePages();
  // Chooses the next token from the newest one's logits.
  Result<TokenId> Sample(std::span<const float> logits, SamplerScratch& scratch);
  // Appends a token that was sampled and puts it into the stream.
  void Emit(TokenId token, std::span<const float> logits);
  void AddExpertUse(uint64_t hits, uint64_t misses);
  // Tells the consumer. The sequence is of no use afterwards.
  void End(FinishReason reason, Status status);

 private:
  Status AddPromptLogprobs(size_t first, size_t count, std::span<const float> rows);

  std::shared_ptr<void> held_;
  const GenerateRequest request_;
  const std::shared_ptr<StreamChannel> stream_;
  std::vector<TokenId> tokens_;
  size_t computed_ = 0;
  Sampler sampler_;
  std::unique_ptr<SequenceKv> kv_;  // null until it was admitted
  std::vector<GeneratedToken> prompt_logprobs_;
  RequestTimings timings_;
  Clock::time_point submitted_, admitted_, first_token_, last_token_;
};

}  // namespace moira::engine
