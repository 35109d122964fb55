#include "engine/scheduler.h"

#include <algorithm>

namespace moira::engine {

std::span<const std::unique_ptr<Sequence>> Scheduler::Admit() {
  const size_t before = running_.size();
  while (!waiting_.empty() && running_.size() < limits_.parallel &&
         waiting_.front()->Admit(budget_)) {
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return std::span(running_).subspan(before);
}

std::span<const Scheduler::Share> Scheduler::PlanStep() {
  shares_.clear();
  for (const auto& sequence : running_) {
    if (!sequence->in_prefill() && sequence->stream().HasRoom()) {
      shares_.push_back({sequence.get(), sequence->uncomputed()});
    }
  }
  const size_t decoding = shares_.size();
  for (const auto& sequence : running_) {
    if (sequence->in_prefill()) shares_.push_back({sequence.get(), MostPrefill(*sequence)});
  }
  DividePrefill(decoding);
  return shares_;
}

size_t Scheduler::MostPrefill(const Sequence& sequence) const {
  if (!sequence.wants_prompt_logprobs()) return sequence.uncomputed();
  const auto sharers = std::count_if(running_.begin(), running_.end(), [](const auto& other) {
    return other->in_prefill() && other->wants_prompt_logprobs();
  });
  const size_t part = limits_.prefill_tokens_all_logits / static_cast<size_t>(sharers);
  return std::min(sequence.uncomputed(), std::max<size_t>(part, 1));
}

// Max-min fairness over shares_[first_share...], whose `tokens` are what each could take at most:
// the shortest is served first, with at most an even part of what is left.
void Scheduler::DividePrefill(size_t first_share) {
  const auto begin = shares_.begin() + static_cast<ptrdiff_t>(first_share);
  std::stable_sort(begin, shares_.end(),
                   [](const Share& a, const Share& b) { return a.tokens < b.tokens; });
  size_t left = limits_.prefill_tokens;
  size_t takers = shares_.size() - first_share;
  for (auto share = begin; share != shares_.end(); ++share, --takers) {
    share->tokens = std::min(share->tokens, left / takers);
    left -= share->tokens;
  }
  std::erase_if(shares_, [](const Share& share) { return share.tokens == 0; });
}

}  // namespace moira::engine
