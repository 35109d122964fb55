#pragma once

#include <vector>

#include "engine/model/dense_weights.h"
#include "engine/model/host_kernels.h"
#include "engine/model/kv_layout.h"
#include "engine/model/rope.h"
#include "engine/model/step_state.h"
#include "quant/compute.h"

namespace moira::engine {

// The attention half of a transformer block, on the host: norm, queries, keys and values, rotation,
// the KV pages, attention, projection, residual. Owned by the engine thread; what it refers to must
// outlive it.
class AttentionBlock {
 public:
  AttentionBlock(const ModelConfig& config, const HostKernels& kernels, const Rope& rope,
                 KvLayout layout, quant::Compute& compute, Workspace& space);

  void Run(uint32_t layer, const LayerWeights& weights, const StepState& state);

 private:
  struct Block {
    const SequenceRows* sequence;
    uint32_t first_row;
    uint32_t rows;
  };

  void Project(const LayerWeights& weights, size_t rows);
  void PrepareRow(uint32_t layer, const LayerWeights& weights, const SequenceRows& sequence,
                  size_t row);
  void StoreRow(uint32_t layer, const SequenceRows& sequence, size_t row);
  void Attend(uint32_t layer, const StepState& state);

  const ModelConfig& config_;
  const HostKernels& kernels_;
  const Rope& rope_;
  KvLayout layout_;
  quant::Compute& compute_;
  Workspace& space_;
  std::vector<Block> blocks_;
};

}  // namespace moira::engine
