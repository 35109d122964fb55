#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cache/device/buffer.h"
#include "cache/device/device.h"
#include "cache/format/gguf.h"
#include "engine/model/model_config.h"
#include "quant/matrix.h"

namespace moira::engine {

// One block's weights but the routed experts. Matrices are [outputs, inputs]; one whose data is
// null is not in the model. Vectors are F32 whatever the file holds, null where there are none.
struct LayerWeights {
  const float* attention_norm = nullptr;  // [model width]
  quant::MatrixView query, key, value;    // [heads * head size, model width]
  const float* query_bias = nullptr;
  const float* key_bias = nullptr;
  const float* value_bias = nullptr;
  const float* query_norm = nullptr;  // [key size], or [heads * key size] over the full width
  const float* key_norm = nullptr;
  quant::MatrixView attention_output;  // [model width, heads * value size]

  const float* ffn_norm = nullptr;        // [model width]
  quant::MatrixView gate, up, down;       // the dense FFN, or all shared experts side by side
  const float* shared_gate = nullptr;     // [model width]
  const float* router = nullptr;          // [experts, model width]; F32: decisions hang on it
  const float* router_bias = nullptr;     // [experts], added to the logits
  const float* selection_bias = nullptr;  // [experts], added to the scores that choose
};

// All weights that every token reads, and the buffer that holds them. Const after loading, and
// thread-safe.
struct DenseWeights {
  Buffer buffer;
  quant::MatrixView embedding;           // [vocabulary, model width]
  quant::MatrixView output;              // the same matrix as `embedding` where they are tied
  const float* output_norm = nullptr;    // [model width]
  const float* rope_divisors = nullptr;  // [rope dimensions / 2]: of each pair's frequency
  std::vector<LayerWeights> layers;
};

// Checks that the file holds exactly the tensors that `config` implies, in these shapes, and
// returns the bytes that loading all but the routed experts takes.
Result<uint64_t> PlanDenseWeights(const format::Gguf& gguf, const ModelConfig& config);

// Reads them into memory of `device`, which must be host addressable. `progress` (may be empty)
// hears bytes done and in all; returning false stops with kCancelled.
Result<DenseWeights> LoadDenseWeights(
    const format::Gguf& gguf, const ModelConfig& config, Device& device,
    const std::function<bool(uint64_t done, uint64_t total)>& progress);

}  // namespace moira::engine
