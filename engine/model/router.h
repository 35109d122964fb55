#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/model_config.h"

namespace moira::engine {

// Turns a token's router logits into the experts that it uses and their weights, as the model's
// configuration says. Of equal scores the lower index wins, so that a choice never depends on how
// it was computed. Not thread-safe: it keeps scratch memory; make one for each thread.
class Router {
 public:
  explicit Router(const ModelConfig& config);

  // `logits`: [experts]. `selection_bias` (may be null): [experts], added to the scores that
  // choose, not to those that weigh. Writes experts_per_token ids by falling selection score, and
  // the weights by which their outputs are multiplied.
  void Route(const float* logits, const float* selection_bias, uint32_t* experts, float* weights);

 private:
  void Score(const float* logits);
  void MaskGroups();
  void Choose(uint32_t* experts);
  void Weigh(const uint32_t* experts, float* weights) const;

  Gating gating_;
  bool normalize_;
  double scale_;
  uint32_t experts_;
  uint32_t chosen_;
  uint32_t groups_;
  uint32_t groups_used_;
  std::vector<double> scores_;     // [experts], that weigh
  std::vector<double> selection_;  // [experts], that choose
  std::vector<double> group_scores_;
  std::vector<uint32_t> order_;
};

}  // namespace moira::engine
