#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/model_config.h"

namespace moira::engine {

// Rotary position embedding (arXiv 2104.09864) with the frequencies that a model's scaling makes of
// the base's. Const after construction, and thread-safe.
class Rope {
 public:
  // `divisors` divide the pairs' frequencies (the Llama 3 factors of `rope_freqs.weight`); empty
  // for none, else one for each pair.
  Rope(const ModelConfig& config, std::span<const float> divisors);

  uint32_t pairs() const { return static_cast<uint32_t>(frequencies_.size()); }
  // Writes cosine and sine of each pair at `position`: [2 * pairs()], cosines first.
  void Angles(uint32_t position, float* angles) const;
  // Rotates the leading values of one head in place.
  void Rotate(const float* angles, float* head) const;

 private:
  RopePairing pairing_;
  float attention_factor_;
  std::vector<double> frequencies_;  // radians per position
};

}  // namespace moira::engine
