#include "prefetch/speculator.h"

#include <algorithm>
#include <utility>

namespace moira::prefetch {
namespace {

// Weight of a new measurement: follows a change within some ten layers.
constexpr double kLeadWeight = 1.0 / 16;
// Speculative copies under way hold at most this part of a class's slots, so that a demand always
// finds another one.
constexpr size_t kSpareShare = 4;

}  // namespace

Speculator::Speculator(std::unique_ptr<Predictor> predictor, uint32_t top_k,
                       const cache::RecordIndex& index, cache::ExpertPool& pool, CopyLedger& ledger,
                       const TransferQueue& queue)
    : predictor_(std::move(predictor)),
      top_k_(top_k),
      index_(index),
      pool_(pool),
      ledger_(ledger),
      queue_(queue),
      leads_(index.layers()) {}

void Speculator::OnGateScores(size_t ordinal, std::span<const float> scores, size_t tokens,
                              bool now) {
  if (!wants_gate_scores()) return;
  if (now) {
    Speculate(ordinal, predictor_->Predict(ordinal, {scores, tokens, top_k_}));
    return;
  }
  held_scores_.assign(scores.begin(), scores.end());
  held_ = {held_scores_, tokens, top_k_};
  held_ordinal_ = ordinal;
}

void Speculator::OnRouted(size_t ordinal, std::span<const uint32_t> experts) {
  CloseLead(leads_[ordinal]);
  predictor_->Observe(ordinal, experts);
  const Prediction held = std::exchange(held_, {});
  if (!meter_.enabled()) return;
  if (!predictor_->wants_gate_scores()) {
    const size_t next = (ordinal + 1) % index_.layers();
    Speculate(next, predictor_->Predict(next, {}));
  } else if (held_ordinal_ != ordinal) {
    Speculate(held_ordinal_, predictor_->Predict(held_ordinal_, held));
  }
}

void Speculator::OnPass() {
  const ProviderStats stats = ledger_.stats();
  meter_.OnPass({stats.speculative_used, stats.speculative_late, stats.speculative_wasted,
                 ledger_.regretted()});
}

void Speculator::Speculate(size_t ordinal, const Prediction& prediction) {
  if (prediction.tokens == 0) return;
  const bool many_tokens = prediction.tokens > Planner::kOverfetchTokens;
  leads_[ordinal] = {true, many_tokens, Clock::now(), ledger_.stats().acquire_wait_seconds};
  const uint32_t layout_class = index_.layer(ordinal).layout_class;
  const size_t copies =
      std::min(SpareCopies(Estimate(ordinal, many_tokens)), SpareSlots(layout_class));
  const cache::RecordId first = index_.first_record(ordinal);
  const auto planned =
      planner_.Plan({prediction.scores, prediction.tokens, prediction.top_k, copies},
                    [&](uint32_t expert) { return ledger_.Look(first + expert); });
  for (uint32_t expert : planner_.predicted()) pool_.Protect(first + expert);
  for (const PlannedCopy& copy : planned) {
    // Refused: the policy holds this newcomer to be colder than all it could displace.
    ledger_.StartSpeculative(first + copy.expert, copy.odds);
  }
}

void Speculator::CloseLead(Lead& lead) {
  if (!std::exchange(lead.open, false)) return;
  const std::chrono::duration<double> seconds = Clock::now() - lead.predicted;
  const double waited = ledger_.stats().acquire_wait_seconds - lead.waited_seconds;
  const double idle = std::max(seconds.count() - waited, 0.0);
  double& average = idle_seconds_[lead.many_tokens];
  average = average == 0 ? idle : average + kLeadWeight * (idle - average);
}

LinkEstimate Speculator::Estimate(size_t ordinal, bool many_tokens) const {
  const TransferQueue::Load load = queue_.load();
  const auto bytes = static_cast<double>(index_.layer(ordinal).record_bytes);
  return {idle_seconds_[many_tokens], load.seconds_per_byte * bytes, load.transfers};
}

size_t Speculator::SpareSlots(uint32_t layout_class) const {
  const size_t bound = pool_.slots(layout_class) / kSpareShare;
  const size_t used = ledger_.speculative_in_flight();
  return bound > used ? bound - used : 0;
}

}  // namespace moira::prefetch
