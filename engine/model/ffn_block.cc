#include "engine/model/ffn_block.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moira::engine {
namespace {

// A task of router products: so many tokens times so many experts; input and weights of a task stay
// in a core's cache at model widths up to 4096.
constexpr size_t kProductTokens = 16;
constexpr size_t kProductRows = 16;

size_t Blocks(size_t count, size_t size) { return (count + size - 1) / size; }

}  // namespace

FfnBlock::FfnBlock(const ModelConfig& config, const HostKernels& kernels, quant::Compute& compute,
                   Workspace& space, std::vector<LayerExperts> experts,
                   prefetch::ExpertProvider* provider, uint32_t max_rows)
    : config_(config),
      kernels_(kernels),
      compute_(compute),
      space_(space),
      provider_(provider),
      layer_experts_(config.layers, nullptr),
      experts_(std::move(experts)),
      uses_(config.experts),
      all_rows_(max_rows) {
  for (const LayerExperts& layer : experts_) layer_experts_[layer.records.layer] = &layer;
  for (unsigned i = 0; i < compute.pool().threads(); ++i) routers_.emplace_back(config);
  std::iota(all_rows_.begin(), all_rows_.end(), 0u);
  const size_t uses = size_t{max_rows} * config.experts_per_token;
  chosen_.resize(uses);
  by_expert_.resize(uses);
  slots_.resize(uses);
  parts_.resize(uses + max_rows);
  wanted_.reserve(config.experts);
  jobs_.reserve(size_t{config.experts} + 1);
  products_.reserve(Blocks(max_rows, kProductTokens) * (Blocks(config.experts, kProductRows) + 1) +
                    Blocks(kMaxPredictionTokens, kProductTokens) *
                        Blocks(config.experts, kProductRows));
}

void FfnBlock::Run(uint32_t layer, const LayerWeights& weights, const LayerWeights* next,
                   StepState& state) {
  const size_t rows = state.rows().size();
  const bool routed = config_.layer[layer].moe;
  const bool predict = next != nullptr && next->router != nullptr && provider_->wants_predictions();
  sample_stride_ = Blocks(rows, kMaxPredictionTokens);
  sample_rows_ = predict ? Blocks(rows, sample_stride_) : 0;
  Normalize(weights, next, state);
  ComputeLogits(weights, next, rows);
  compute_.SetInput(space_.normed, rows, config_.model_width);
  jobs_.clear();
  const bool full = weights.gate.data != nullptr;
  if (full) AddFullJob(weights, rows);
  if (routed) {
    Route(layer, weights, state);
    GroupByExpert(rows);
    ComputeExperts(layer, state);
  } else {
    PredictNext(layer);
  }
  ComputeJobs();
  Combine(routed, full, weights, state);
}

void FfnBlock::PredictNext(uint32_t layer) {
  if (sample_rows_ == 0) return;
  provider_->Predict(layer + 1, {space_.predictions, sample_rows_ * config_.experts}, sample_rows_);
}

// Ends the attention's half with its residual, and makes the gate input. The next block's gate
// input is predicted to be this block's residual stream under the next block's norm.
void FfnBlock::Normalize(const LayerWeights& weights, const LayerWeights* next,
                         const StepState& state) {
  const size_t width = config_.model_width;
  const float one = 1;
  ForRows(compute_.pool(), state.rows().size(), [&](size_t row, unsigned) {
    float* const hidden = space_.hidden + row * width;
    const float* const projected = space_.projected + row * width;
    kernels_.combine(hidden, &projected, &one, 1, width);
    kernels_.normalize(hidden, weights.ffn_norm, config_.norm_epsilon, space_.normed + row * width,
                       width);
    if (sample_rows_ > 0 && row % sample_stride_ == 0) {
      kernels_.normalize(hidden, next->ffn_norm, config_.norm_epsilon,
                         space_.prediction_input + row / sample_stride_ * width, width);
    }
  });
}

void FfnBlock::AddProducts(const float* weights, size_t weight_rows, const float* input,
                           size_t rows, float* output) {
  const size_t columns = config_.model_width;
  for (size_t token = 0; token < rows; token += kProductTokens) {
    for (size_t row = 0; row < weight_rows; row += kProductRows) {
      products_.push_back({weights + row * columns, std::min(kProductRows, weight_rows - row),
                           input + token * columns, std::min(kProductTokens, rows - token), columns,
                           output + token * weight_rows + row, weight_rows});
    }
  }
}

// Router logits, the shared experts' gate and the predicted logits, in one parallel region.
void FfnBlock::ComputeLogits(const LayerWeights& weights, const LayerWeights* next, size_t rows) {
  products_.clear();
  if (weights.router != nullptr) {
    AddProducts(weights.router, config_.experts, space_.normed, rows, space_.router_logits);
  }
  if (weights.shared_gate != nullptr) {
    AddProducts(weights.shared_gate, 1, space_.normed, rows, space_.shared_gates);
  }
  if (sample_rows_ > 0) {
    AddProducts(next->router, config_.experts, space_.prediction_input, sample_rows_,
                space_.predictions);
  }
  compute_.pool().ParallelFor(products_.size(),
                              [&](size_t task, unsigned) { kernels_.multiply(products_[task]); });
}

void FfnBlock::Route(uint32_t layer, const LayerWeights& weights, const StepState& state) {
  const size_t chosen = config_.experts_per_token;
  ForRows(compute_.pool(), state.rows().size(), [&](size_t row, unsigned worker) {
    float* const logits = space_.router_logits + row * config_.experts;
    if (weights.router_bias != nullptr) {
      for (uint32_t e = 0; e < config_.experts; ++e) logits[e] += weights.router_bias[e];
    }
    routers_[worker].Route(logits, weights.selection_bias, &chosen_[row * chosen],
                           space_.expert_weights + row * (chosen + 1));
  });
  if (!observer_) return;
  for (size_t row = 0; row < state.rows().size(); ++row) {
    const StepRow& info = state.rows()[row];
    observer_({layer,
               info.sequence,
               info.position,
               {&chosen_[row * chosen], chosen},
               {space_.expert_weights + row * (chosen + 1), chosen}});
  }
}

// Sorts the rows by expert, keeping their order in each: a counting sort.
void FfnBlock::GroupByExpert(size_t rows) {
  const size_t uses = rows * config_.experts_per_token;
  std::fill(uses_.begin(), uses_.end(), Use{});
  for (size_t i = 0; i < uses; ++i) ++uses_[chosen_[i]].count;
  wanted_.clear();
  uint32_t first = 0;
  for (uint32_t expert = 0; expert < config_.experts; ++expert) {
    uses_[expert].first = first;
    first += uses_[expert].count;
    if (uses_[expert].count > 0) wanted_.push_back(expert);
    uses_[expert].count = 0;
  }
  for (size_t i = 0; i < uses; ++i) {
    Use& use = uses_[chosen_[i]];
    slots_[i] = use.first + use.count++;
    by_expert_[slots_[i]] = static_cast<uint32_t>(i / config_.experts_per_token);
  }
  std::sort(wanted_.begin(), wanted_.end(), [&](uint32_t a, uint32_t b) {
    return uses_[a].count != uses_[b].count ? uses_[a].count > uses_[b].count : a < b;
  });
}

void FfnBlock::ComputeExperts(uint32_t layer, StepState& state) {
  const ExpertLayout& layout = layer_experts_[layer]->layout;
  prefetch::Acquisition acquisition = provider_->Acquire(layer, wanted_);
  // Only now, when this block's hits are pinned and its misses are queued, so that no speculative
  // copy takes a slot or the link from them; and before anything is computed, so that the copies
  // overlap all of it.
  PredictNext(layer);
  while (true) {
    const std::span<prefetch::Acquisition::Delivery> group = acquisition.Next();
    if (group.empty()) return;
    for (const prefetch::Acquisition::Delivery& delivery : group) {
      TakeDelivery(delivery, layout, state);
    }
    ComputeJobs();  // the leases last until the next group
  }
}

void FfnBlock::TakeDelivery(const prefetch::Acquisition::Delivery& delivery,
                            const ExpertLayout& layout, StepState& state) {
  const Use& use = uses_[delivery.expert];
  const std::span<const uint32_t> rows = std::span(by_expert_).subspan(use.first, use.count);
  for (uint32_t row : rows) {
    StepSequence& sequence = state.step()[state.rows()[row].sequence];
    ++(delivery.hit ? sequence.experts.hits : sequence.experts.misses);
    if (!delivery.status.ok()) sequence.status = delivery.status;
  }
  if (!delivery.status.ok()) return;
  const std::byte* const record = delivery.lease.data();
  jobs_.push_back({layout.gate.View(record), layout.up.View(record), layout.down.View(record), rows,
                   space_.expert_outputs + size_t{use.first} * config_.model_width});
}

// The FFN that all rows go through: the dense one, or the shared experts. Its output lies behind
// those of the routed experts.
void FfnBlock::AddFullJob(const LayerWeights& weights, size_t rows) {
  const size_t first = rows * config_.experts_per_token;
  jobs_.push_back({weights.gate, weights.up, weights.down, std::span(all_rows_).first(rows),
                   space_.expert_outputs + first * config_.model_width});
}

void FfnBlock::ComputeJobs() {
  if (!jobs_.empty()) compute_.ExpertFfn(jobs_, quant::FfnActivation::kSwiGlu);
  jobs_.clear();
}

void FfnBlock::Combine(bool routed, bool full, const LayerWeights& weights,
                       const StepState& state) {
  const size_t width = config_.model_width;
  const size_t rows = state.rows().size();
  const size_t chosen = config_.experts_per_token;
  ForRows(compute_.pool(), rows, [&](size_t row, unsigned) {
    // A sequence whose experts are missing is about to be dropped: there is nothing to add.
    if (!state.step()[state.rows()[row].sequence].status.ok()) return;
    const float** const parts = &parts_[row * (chosen + 1)];
    float* const part_weights = space_.expert_weights + row * (chosen + 1);
    size_t count = 0;
    for (; routed && count < chosen; ++count) {
      parts[count] = space_.expert_outputs + slots_[row * chosen + count] * width;
    }
    if (full) {
      parts[count] = space_.expert_outputs + (rows * chosen + row) * width;
      part_weights[count] = weights.shared_gate == nullptr
                                ? 1.0f
                                : 1.0f / (1.0f + std::exp(-space_.shared_gates[row]));
      ++count;
    }
    kernels_.combine(space_.hidden + row * width, parts, part_weights, count, width);
  });
}

}  // namespace moira::engine
