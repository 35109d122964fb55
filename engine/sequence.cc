#include "engine/sequence.h"

#include <cmath>
#include <utility>

#include "engine/logprobs.h"

namespace moira::engine {
namespace {

double Seconds(Sequence::Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Sequence::Sequence(GenerateRequest request, uint64_t seed, std::shared_ptr<StreamChannel> stream)
    : request_(std::move(request)),
      stream_(std::move(stream)),
      tokens_(request_.prompt),
      sampler_(request_.sampling, seed),
      submitted_(Clock::now()) {
  for (TokenId token : tokens_) sampler_.Accept(token);
  timings_.prompt_tokens = static_cast<uint32_t>(tokens_.size());
}

Sequence::~Sequence() {
  stream_->PushEnd(FinishReason::kError, InternalError("the request was dropped"), timings_);
}

bool Sequence::Admit(KvBudget& budget) {
  auto kv = std::make_unique<SequenceKv>(budget);
  if (!kv->Reserve(most_tokens())) return false;
  kv_ = std::move(kv);
  // The log probabilities of a prompt need the logits of each of its tokens.
  if (request_.reuse_prefix && !wants_prompt_logprobs()) computed_ = kv_->ReusePrefix(tokens_);
  timings_.cached_tokens = static_cast<uint32_t>(computed_);
  admitted_ = Clock::now();
  timings_.queue_seconds = Seconds(admitted_ - submitted_);
  return true;
}

Status Sequence::StepComputed(size_t tokens, std::span<const float> rows) {
  if (wants_prompt_logprobs() && in_prefill()) {
    MOIRA_RETURN_IF_ERROR(AddPromptLogprobs(computed_, tokens, rows));
  }
  computed_ += tokens;
  return {};
}

void Sequence::SharePages() {
  if (request_.reuse_prefix) kv_->RegisterFull(tokens_, computed_);
}

Status Sequence::AddPromptLogprobs(size_t first, size_t count, std::span<const float> rows) {
  if (first == 0) prompt_logprobs_.push_back({tokens_[0], std::nullopt, {}});
  const size_t vocabulary = rows.size() / count;
  for (size_t i = 0; i < count && first + i + 1 < prompt_tokens(); ++i) {
    prompt_logprobs_.push_back(WithLogprob(tokens_[first + i + 1],
                                           rows.subspan(i * vocabulary, vocabulary),
                                           *request_.prompt_logprobs));
    if (std::isnan(*prompt_logprobs_.back().logprob)) {
      return InternalError("the model computed a logit that is not a finite number");
    }
  }
  if (first + count == prompt_tokens()) stream_->PushPrompt(std::move(prompt_logprobs_));
  return {};
}

Result<TokenId> Sequence::Sample(std::span<const float> logits, SamplerScratch& scratch) {
  return sampler_.Sample(logits, scratch);
}

void Sequence::Emit(TokenId token, std::span<const float> logits) {
  last_token_ = Clock::now();
  if (generated_tokens() == 0) first_token_ = last_token_;
  tokens_.push_back(token);
  sampler_.Accept(token);
  stream_->PushToken(request_.logprobs.has_value() ? WithLogprob(token, logits, *request_.logprobs)
                                                   : GeneratedToken{token, std::nullopt, {}});
}

void Sequence::AddExpertUse(uint64_t hits, uint64_t misses) {
  timings_.expert_hits += hits;
  timings_.expert_misses += misses;
}

void Sequence::End(FinishReason reason, Status status) {
  timings_.generated_tokens = static_cast<uint32_t>(generated_tokens());
  const Clock::time_point now = Clock::now();
  if (kv_ == nullptr) {
    timings_.queue_seconds = Seconds(now - submitted_);
  } else {
    const bool answered = generated_tokens() > 0;
    timings_.prefill_seconds = Seconds((answered ? first_token_ : now) - admitted_);
    if (answered) timings_.decode_seconds = Seconds(last_token_ - first_token_);
  }
  held_.reset();  // who sees the end must find the place free
  stream_->PushEnd(reason, std::move(status), timings_);
}

}  // namespace moira::engine
