#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "cache/record_index.h"
#include "prefetch/expert_provider.h"

namespace moira::prefetch {

// A guess at what a layer's router will compute, for some tokens. Whatever it rests on, it is
// written as router logits, so that one planner serves all predictors.
struct Prediction {
  std::span<const float>
      scores;          // row-major [tokens, experts of the layer]; -inf: will not be used
  size_t tokens = 0;   // 0: no idea
  uint32_t top_k = 0;  // experts that each token is expected to use
};

// Where predictions come from. Layers are named by their ordinal. Not thread-safe.
class Predictor {
 public:
  virtual ~Predictor() = default;

  // Whether the engine should compute the layer's own gate on an earlier layer's gate input.
  virtual bool wants_gate_scores() const = 0;
  // The router asked for these experts.
  virtual void Observe(size_t ordinal, std::span<const uint32_t> experts) = 0;
  // What this layer will ask for. `gate` is what the engine computed, with 0 tokens if nothing. The
  // result's scores are valid until the next call.
  virtual Prediction Predict(size_t ordinal, const Prediction& gate) = 0;
};

// Null for kOff. `top_k` is the model's, `index` must outlive the predictor.
std::unique_ptr<Predictor> CreatePredictor(PrefetchMode mode, uint32_t top_k,
                                           const cache::RecordIndex& index);

}  // namespace moira::prefetch
