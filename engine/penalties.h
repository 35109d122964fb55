#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>

#include "engine/engine.h"

namespace moira::engine {

// Logit bias, and the penalties on tokens of the recent past. Knows the last `penalty_window`
// tokens of one sequence. Not thread-safe.
class Penalties {
 public:
  explicit Penalties(const SamplingOptions& options);

  // Tokens of the prompt and of the answer, in their order.
  void Accept(TokenId token);
  // False when Apply would change nothing: the caller can save a copy of the logits.
  bool active() const { return !options_.logit_bias.empty() || penalizes_; }
  // Bias first, then penalties, as llama.cpp applies them: a logit of a token that was seen n > 0
  // times is divided by the repetition penalty (multiplied, when it is not positive) and then
  // reduced by n * frequency + presence.
  void Apply(std::span<float> logits) const;

 private:
  const SamplingOptions options_;
  const bool penalizes_;
  std::deque<TokenId> window_;
  std::unordered_map<TokenId, uint32_t> counts_;  // of the tokens in the window
};

}  // namespace moira::engine
