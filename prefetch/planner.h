#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cache/device/function_ref.h"
#include "prefetch/copy_ledger.h"

namespace moira::prefetch {

// What the link can do before a predicted layer asks for its experts; all measured.
struct LinkEstimate {
  double idle_seconds = 0;  // from the prediction to the layer's router, without waits for copies
  double copy_seconds = 0;  // of one record; 0: not measured yet
  size_t transfers = 0;     // copies that are on their way already
};

// How many more copies will land in time: Fate's n = floor(layer time / expert transfer time), less
// those under way. 0 when the link is saturated, or nothing was measured yet.
size_t SpareCopies(const LinkEstimate& link);

struct PlanRequest {
  std::span<const float> scores;  // router logits, row-major [tokens, experts]
  size_t tokens = 0;
  uint32_t top_k = 1;  // experts that each token will use
  size_t copies = 0;   // at most, from SpareCopies
};

struct PlannedCopy {
  uint32_t expert;
  double odds;  // that at least one token asks for it, as the scores have it
};

// Decides which experts of a predicted layer to copy, most worthwhile first. Pure, save for the
// memory that it uses again. Not thread-safe.
class Planner {
 public:
  // Over-fetch is for few tokens: the union of a longer prompt's top-k is a large part of the layer
  // already. As many as run in one decode step (design: 1-16 sequences).
  static constexpr size_t kOverfetchTokens = 16;
  // A candidate beyond top-k that is less likely than this is not worth its copy.
  static constexpr double kLeastOdds = 0.05;

  // Absent experts among the union of the tokens' candidates (the top-k, then up to `copies` more),
  // in the order of how many tokens will ask for them, at most `copies`. Valid until the next call.
  std::span<const PlannedCopy> Plan(const PlanRequest& request,
                                    FunctionRef<Presence(uint32_t expert)> presence);
  // Experts in some token's top-k of the last plan, present or not: to be kept if they are
  // resident.
  std::span<const uint32_t> predicted() const { return predicted_; }

 private:
  void AddToken(std::span<const float> scores, uint32_t top_k, size_t overfetch);

  std::vector<double> popularity_;  // by expert: expected number of tokens that ask for it
  std::vector<double> unasked_;     // by expert: odds that no token asks for it
  std::vector<uint8_t> in_top_k_;   // by expert: of some token
  std::vector<uint32_t> order_;
  std::vector<uint32_t> predicted_;
  std::vector<PlannedCopy> copies_;
};

}  // namespace moira::prefetch
