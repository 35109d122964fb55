#include "engine/step_loop.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "cache/device/log.h"

namespace moira::engine {
namespace {

using Clock = std::chrono::steady_clock;

Status FromException(const std::exception& error) {
  return ResourceExhausted(std::string("the request could not go on: ") + error.what());
}

StepSequence::Logits WantedLogits(const Sequence& sequence, size_t tokens) {
  if (sequence.in_prefill() && sequence.wants_prompt_logprobs()) return StepSequence::Logits::kAll;
  const bool newest = tokens == sequence.uncomputed();
  return newest && sequence.request().max_tokens > 0 ? StepSequence::Logits::kLast
                                                     : StepSequence::Logits::kNone;
}

}  // namespace

StepLoop::StepLoop(const SchedulerLimits& limits, Executor& executor, cache::KvPagePool& pages,
                   const Tokenizer& tokenizer, RequestDesk& desk, WakeSignal& wake)
    : executor_(executor),
      pages_(pages),
      tokenizer_(tokenizer),
      desk_(desk),
      wake_(wake),
      budget_(pages),
      scheduler_(limits, budget_) {}

void StepLoop::Run() {
  while (true) {
    bool idle = false;
    try {
      TakeRequests();
      Admit();
      const std::span<const Scheduler::Share> shares = scheduler_.PlanStep();
      idle = shares.empty();
      if (!idle) RunStep(shares);
    } catch (const std::exception& error) {
      // Outside of any sequence's own part of a step: none of them can be trusted to go on.
      LogError(std::string("engine: ") + error.what());
      EndAll([](const Sequence&) { return true; }, FinishReason::kError, FromException(error));
    }
    PublishGauges();
    if (!idle) continue;
    if (desk_.cancelling() && desk_.in_flight() == 0) return;
    wake_.Wait();
  }
}

void StepLoop::TakeRequests() {
  for (auto& sequence : desk_.TakeNew()) scheduler_.Enqueue(std::move(sequence));
  if (desk_.cancelling()) {
    EndAll([](const Sequence&) { return true; }, FinishReason::kCancelled, {});
  } else {
    EndAll([](const Sequence& sequence) { return sequence.cancelled(); }, FinishReason::kCancelled,
           {});
  }
}

void StepLoop::Admit() {
  for (const auto& sequence : scheduler_.Admit()) {
    std::lock_guard lock(stats_mutex_);
    stats_.prompt_tokens += sequence->cached_tokens();
    stats_.cached_prompt_tokens += sequence->cached_tokens();
  }
}

void StepLoop::RunStep(std::span<const Scheduler::Share> shares) {
  const Clock::time_point start = Clock::now();
  PrepareStep(shares);
  executor_.Run(step_);
  CountStep(shares, std::chrono::duration<double>(Clock::now() - start).count());
  for (size_t i = 0; i < shares.size(); ++i) FinishShare(shares[i], step_[i]);
}

void StepLoop::PrepareStep(std::span<const Scheduler::Share> shares) {
  step_.clear();
  for (const Scheduler::Share& share : shares) {
    Sequence& sequence = *share.sequence;
    sequence.PrepareStep(share.tokens);
    StepSequence& part = step_.emplace_back();
    part.tokens = sequence.tokens().subspan(sequence.computed(), share.tokens);
    part.first_position = static_cast<uint32_t>(sequence.computed());
    part.pages = sequence.pages();
    part.wanted = WantedLogits(sequence, share.tokens);
    part.cancelled = &sequence.stream().cancelled();
  }
}

void StepLoop::FinishShare(const Scheduler::Share& share, const StepSequence& result) {
  share.sequence->AddExpertUse(result.experts.hits, result.experts.misses);
  if (result.status.code() == StatusCode::kCancelled) {
    return End(share.sequence, FinishReason::kCancelled, {});
  }
  Status status = result.status;
  if (status.ok()) {
    try {
      status = ContinueSequence(share, result);
    } catch (const std::exception& error) {
      status = FromException(error);
    }
  }
  if (!status.ok()) End(share.sequence, FinishReason::kError, std::move(status));
}

Status StepLoop::ContinueSequence(const Scheduler::Share& share, const StepSequence& result) {
  Sequence& sequence = *share.sequence;
  const size_t vocabulary = result.wanted == StepSequence::Logits::kAll
                                ? result.logits.size() / share.tokens
                                : result.logits.size();
  MOIRA_RETURN_IF_ERROR(sequence.StepComputed(share.tokens, result.logits));
  if (sequence.uncomputed() > 0) {
    sequence.SharePages();
    return {};
  }
  if (sequence.request().max_tokens == 0) {
    sequence.SharePages();
    End(&sequence, FinishReason::kLength, {});
    return {};
  }
  const std::span<const float> logits = result.logits.last(vocabulary);
  // A vocabulary may be padded: the rows beyond the tokenizer's mean nothing.
  MOIRA_ASSIGN_OR_RETURN(
      const TokenId token,
      sequence.Sample(logits.first(std::min(vocabulary, tokenizer_.vocabulary_size())), scratch_));
  sequence.SharePages();
  if (!sequence.request().ignore_end && tokenizer_.IsEndOfGeneration(token)) {
    End(&sequence, FinishReason::kStop, {});
    return {};
  }
  sequence.Emit(token, logits);
  {
    std::lock_guard lock(stats_mutex_);
    ++stats_.generated_tokens;
  }
  if (sequence.generated_tokens() == sequence.request().max_tokens) {
    End(&sequence, FinishReason::kLength, {});
  }
  return {};
}

void StepLoop::End(Sequence* sequence, FinishReason reason, Status status) {
  EndAll([sequence](const Sequence& other) { return &other == sequence; }, reason, status);
}

template <typename Predicate>
void StepLoop::EndAll(Predicate predicate, FinishReason reason, const Status& status) {
  for (auto& sequence : scheduler_.Extract(predicate)) {
    {
      std::lock_guard lock(stats_mutex_);
      ++(reason == FinishReason::kCancelled ? stats_.requests_cancelled
         : reason == FinishReason::kError   ? stats_.requests_failed
                                            : stats_.requests_finished);
    }
    if (reason == FinishReason::kError) LogWarning("request failed: " + status.message());
    sequence->End(reason, status);
  }
}

void StepLoop::CountStep(std::span<const Scheduler::Share> shares, double seconds) {
  uint64_t prompt_tokens = 0;
  for (const Scheduler::Share& share : shares) {
    if (share.sequence->in_prefill()) prompt_tokens += share.tokens;
  }
  std::lock_guard lock(stats_mutex_);
  ++stats_.steps;
  stats_.prompt_tokens += prompt_tokens;
  (prompt_tokens > 0 ? stats_.prefill_seconds : stats_.decode_seconds) += seconds;
  stats_.dense_bytes_read += executor_.dense_bytes();
}

void StepLoop::PublishGauges() {
  const cache::KvPageStats pages = pages_.stats();
  std::lock_guard lock(stats_mutex_);
  stats_.running = static_cast<uint32_t>(scheduler_.running());
  stats_.kv_pages = pages.pages;
  stats_.kv_pages_in_use = pages.in_use;
  stats_.kv_pages_cached = pages.cached;
  stats_.kv_prefix_hits = pages.prefix_hits;
}

EngineStats StepLoop::stats() const {
  std::lock_guard lock(stats_mutex_);
  return stats_;
}

}  // namespace moira::engine
