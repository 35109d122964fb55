#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cache/device/status.h"
#include "engine/candidates.h"
#include "engine/engine.h"
#include "engine/penalties.h"
#include "engine/random.h"

namespace moira::engine {

// Memory that sampling needs for the length of a call; shared by all sequences of an engine thread.
struct SamplerScratch {
  std::vector<float> logits;
  std::vector<Candidate> candidates;
  std::vector<double> weights;
};

// kInvalidArgument naming the first field that is out of its range, its value and the bound.
Status ValidateSampling(const SamplingOptions& options, size_t vocabulary);

// Chooses the next token of one sequence. The order is that of llama.cpp's default chain: bias and
// penalties, top-k, typical, top-p, min-p, temperature, draw. At temperature 0 the most likely
// token after bias and penalties is taken, of equal ones the lowest id. Not thread-safe.
class Sampler {
 public:
  // `options` are valid and their seed is ignored in favour of `seed`.
  Sampler(const SamplingOptions& options, uint64_t seed);

  // Tells it a token of the prompt or of the answer, in their order.
  void Accept(TokenId token) { penalties_.Accept(token); }
  // `logits`: [vocabulary]. kInternal when they hold NaN or infinity, kInvalidArgument when the
  // request's bias leaves no token.
  Result<TokenId> Sample(std::span<const float> logits, SamplerScratch& scratch);

 private:
  Result<TokenId> Draw(std::span<const float> logits, SamplerScratch& scratch);

  const float temperature_;
  const uint32_t top_k_;
  const float top_p_, min_p_, typical_p_;
  Penalties penalties_;
  RandomStream random_;
};

}  // namespace moira::engine
