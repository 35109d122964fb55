#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "prefetch/copy_ledger.h"
#include "prefetch/planner.h"
#include "prefetch/predictor.h"
#include "prefetch/profit_meter.h"

namespace moira::prefetch {

// Turns predictions into speculative copies: asks the predictor, measures how much idle link time
// there is, lets the planner choose, and stops while it does not pay. The engine thread's.
class Speculator {
 public:
  // All but the predictor must outlive the speculator.
  Speculator(std::unique_ptr<Predictor> predictor, uint32_t top_k, const cache::RecordIndex& index,
             cache::ExpertPool& pool, CopyLedger& ledger, const TransferQueue& queue);

  bool wants_gate_scores() const { return meter_.enabled() && predictor_->wants_gate_scores(); }
  // The engine computed router logits of a coming layer: speculates now, or, when a layer before
  // that one has yet to ask for its own experts, in OnRouted of the layer that asks next.
  void OnGateScores(size_t ordinal, std::span<const float> scores, size_t tokens, bool now);
  // The layer's router has spoken, and its copies were started.
  void OnRouted(size_t ordinal, std::span<const uint32_t> experts);
  // A pass through the model begins.
  void OnPass();

 private:
  using Clock = std::chrono::steady_clock;

  // When a layer was predicted, and how long the engine had waited for copies until then.
  struct Lead {
    bool open = false;
    bool many_tokens = false;
    Clock::time_point predicted;
    double waited_seconds = 0;
  };

  void Speculate(size_t ordinal, const Prediction& prediction);
  void CloseLead(Lead& lead);
  LinkEstimate Estimate(size_t ordinal, bool many_tokens) const;
  size_t SpareSlots(uint32_t layout_class) const;

  const std::unique_ptr<Predictor> predictor_;
  const uint32_t top_k_;
  const cache::RecordIndex& index_;
  cache::ExpertPool& pool_;
  CopyLedger& ledger_;
  const TransferQueue& queue_;
  Planner planner_;
  std::vector<float> held_scores_;  // of a prediction that waits for OnRouted
  Prediction held_;                 // 0 tokens: none
  size_t held_ordinal_ = 0;
  ProfitMeter meter_;
  std::vector<Lead> leads_;          // by ordinal
  double idle_seconds_[2] = {0, 0};  // moving average for few and for many tokens; 0: not measured
};

}  // namespace moira::prefetch
