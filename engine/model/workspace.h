#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/device/buffer.h"
#include "cache/device/status.h"
#include "engine/model/executor.h"
#include "engine/model/model_config.h"

namespace moira::engine {

// Tokens that one attention task takes: they read each page together.
inline constexpr uint32_t kAttentionBlockTokens = 16;
// Tokens whose predictions a step computes. A longer chunk predicts from a sample of its tokens:
// that many find most of the experts that the chunk will use (with top 8 of 128 and even use, 64
// tokens touch 126 experts), and the prediction stays cheap beside the chunk itself.
inline constexpr uint32_t kMaxPredictionTokens = 64;

// The scratch memory of an executor, for steps of up to `rows` tokens: one allocation, made once.
// All arrays are row-major F32.
struct Workspace {
  static Result<Workspace> Create(const ModelConfig& config, uint32_t rows, unsigned threads);

  Buffer buffer;
  float* hidden = nullptr;             // [rows, model width]: the residual stream
  float* normed = nullptr;             // [rows, model width]: input of a block's products
  float* angles = nullptr;             // [rows, rope dimensions]: see Rope::Angles
  float* queries = nullptr;            // [rows, heads * key size]
  float* keys = nullptr;               // [rows, KV heads * key size]
  float* values = nullptr;             // [rows, KV heads * value size]
  float* attended = nullptr;           // [rows, heads * value size]
  float* projected = nullptr;          // [rows, model width]
  float* attention_scratch = nullptr;  // [threads, AttentionScratchSize()]
  float* router_logits = nullptr;      // [rows, experts]
  float* shared_gates = nullptr;       // [rows]
  float* prediction_input = nullptr;   // [kMaxPredictionTokens, model width]
  float* predictions = nullptr;        // [kMaxPredictionTokens, experts]
  float* expert_weights = nullptr;     // [rows, experts per token + 1]
  float* expert_outputs = nullptr;     // [rows * (experts per token + 1), model width]
};

// Floats of attention scratch for each thread; see AttentionTask::scratch.
inline size_t AttentionScratchSize(const ModelConfig& config) {
  return size_t{2} * kAttentionBlockTokens * (config.heads / config.kv_heads);
}

}  // namespace moira::engine
