#pragma once

#include <cstdint>
#include <span>

#include "engine/engine.h"

namespace moira::engine {

// Most alternatives that a request may ask for; OpenAI's bound for `top_logprobs`.
inline constexpr uint32_t kMaxAlternatives = 20;

// The token with its log probability under `logits` ([vocabulary], as the model computed them), and
// the `alternatives` most likely tokens, falling; of equal ones the lower id first. Summed in
// double, so that a perplexity over many tokens does not drift.
GeneratedToken WithLogprob(TokenId token, std::span<const float> logits, uint32_t alternatives);

}  // namespace moira::engine
