#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/model/dense_weights.h"
#include "engine/model/expert_layout.h"
#include "engine/model/host_kernels.h"
#include "engine/model/router.h"
#include "engine/model/step_state.h"
#include "prefetch/expert_provider.h"
#include "quant/compute.h"

namespace moira::engine {

using RouteObserver = std::function<void(const RouteRecord&)>;

// The FFN half of a transformer block, on the host: dense, or router, routed and shared experts. A
// token's experts are summed in the order of its own ranking, whatever order they are delivered
// and computed in. Owned by the engine thread; what it refers to must outlive it.
class FfnBlock {
 public:
  // `provider` may be null for a dense model. `experts` has the MoE blocks only, in order.
  FfnBlock(const ModelConfig& config, const HostKernels& kernels, quant::Compute& compute,
           Workspace& space, std::vector<LayerExperts> experts, prefetch::ExpertProvider* provider,
           uint32_t max_rows);

  // Adds the attention's projection to the residual stream, then the FFN's output. `next` (null for
  // the last block) is the following block's weights, whose experts are predicted. Sequences whose
  // experts could not be delivered get that status.
  void Run(uint32_t layer, const LayerWeights& weights, const LayerWeights* next, StepState& state);
  void SetRouteObserver(RouteObserver observer) { observer_ = std::move(observer); }

 private:
  // The rows that use one expert: by_expert_[first .. first + count).
  struct Use {
    uint32_t first = 0;
    uint32_t count = 0;
  };

  void Normalize(const LayerWeights& weights, const LayerWeights* next, const StepState& state);
  void ComputeLogits(const LayerWeights& weights, const LayerWeights* next, size_t rows);
  void AddProducts(const float* weights, size_t weight_rows, const float* input, size_t rows,
                   float* output);
  void Route(uint32_t layer, const LayerWeights& weights, const StepState& state);
  void GroupByExpert(size_t rows);
  void ComputeExperts(uint32_t layer, StepState& state);
  void PredictNext(uint32_t layer);
  void TakeDelivery(const prefetch::Acquisition::Delivery& delivery, const ExpertLayout& layout,
                    StepState& state);
  void AddFullJob(const LayerWeights& weights, size_t rows);
  void ComputeJobs();
  void Combine(bool routed, bool full, const LayerWeights& weights, const StepState& state);

  const ModelConfig& config_;
  const HostKernels& kernels_;
  quant::Compute& compute_;
  Workspace& space_;
  prefetch::ExpertProvider* provider_;
  RouteObserver observer_;
  std::vector<const LayerExperts*> layer_experts_;  // [layers], null for dense blocks
  std::vector<LayerExperts> experts_;
  std::vector<Router> routers_;  // [threads]

  // Of the running block.
  size_t sample_rows_ = 0;    // rows of the predictions; 0 for none
  size_t sample_stride_ = 1;  // every so manyth row is in the sample
  std::vector<RowProducts> products_;
  std::vector<uint32_t> chosen_;     // [rows, experts per token]
  std::vector<Use> uses_;            // [experts]
  std::vector<uint32_t> by_expert_;  // rows, grouped by the expert that they use
  std::vector<uint32_t> slots_;      // [rows, experts per token]: index into by_expert_, and row
                                     // of expert_outputs
  std::vector<uint32_t> wanted_;     // the experts in use, most used first
  std::vector<uint32_t> all_rows_;   // 0, 1, 2, …
  std::vector<quant::ExpertJob> jobs_;
  std::vector<const float*> parts_;  // [rows, experts per token + 1]
};

}  // namespace moira::engine
