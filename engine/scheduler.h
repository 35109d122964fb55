#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "engine/sequence.h"

namespace moira::engine {

struct SchedulerLimits {
  uint32_t parallel = 1;          // sequences that run at once
  uint32_t prefill_tokens = 512;  // of prompts, in one step
  // Of the prompts whose log probabilities are wanted, in one step: bounds the memory of logits.
  uint32_t prefill_tokens_all_logits = 64;
};

// Decides which sequences the next step computes, and how many tokens of each. Policy only: it
// neither runs steps nor waits. Engine thread only.
//
// Requests are admitted in the order in which they came, when one of `parallel` places is free and
// their longest possible text finds pages; nobody overtakes, so nobody starves. Each step decodes
// every running sequence whose consumer keeps up, and divides the prefill tokens evenly among the
// prompts that are not computed yet; what a short prompt does not need goes to the longer ones.
class Scheduler {
 public:
  struct Share {
    Sequence* sequence;
    size_t tokens;
  };

  Scheduler(const SchedulerLimits& limits, KvBudget& budget) : limits_(limits), budget_(budget) {}

  void Enqueue(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
  // Takes out, in any state, those for which `predicate` holds.
  template <typename Predicate>
  std::vector<std::unique_ptr<Sequence>> Extract(Predicate predicate);
  // Returns those that were admitted; valid until the next call of any method.
  std::span<const std::unique_ptr<Sequence>> Admit();
  // Valid until the next call. Empty when nothing can run: no sequence, or all consumers are slow.
  std::span<const Share> PlanStep();

  size_t waiting() const { return waiting_.size(); }
  size_t running() const { return running_.size(); }

 private:
  size_t MostPrefill(const Sequence& sequence) const;
  void DividePrefill(size_t first_share);

  const SchedulerLimits limits_;
  KvBudget& budget_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in the order of admission
  std::vector<Share> shares_;
};

template <typename Predicate>
std::vector<std::unique_ptr<Sequence>> Scheduler::Extract(Predicate predicate) {
  std::vector<std::unique_ptr<Sequence>> extracted;
  const auto take = [&](auto& sequences) {
    for (auto& sequence : sequences) {
      if (predicate(*sequence)) extracted.push_back(std::move(sequence));
    }
    std::erase(sequences, nullptr);
  };
  take(waiting_);
  take(running_);
  return extracted;
}

}  // namespace moira::engine
