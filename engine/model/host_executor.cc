#include <algorithm>
#include <memory>
#include <utility>

#include "engine/model/attention_block.h"
#include "engine/model/dense_weights.h"
#include "engine/model/executor.h"
#include "engine/model/expert_layout.h"
#include "engine/model/ffn_block.h"
#include "engine/model/host_kernels.h"
#include "engine/model/kv_layout.h"
#include "engine/model/rope.h"
#include "engine/model/step_state.h"
#include "engine/model/workspace.h"
#include "quant/dequantize.h"

namespace moira::engine {
namespace {

Rope MakeRope(const ModelConfig& config, const DenseWeights& weights) {
  if (weights.rope_divisors == nullptr) return Rope(config, {});
  return Rope(config, {weights.rope_divisors, config.rope_dimensions / 2});
}

class HostExecutor final : public Executor {
 public:
  HostExecutor(const ModelConfig& config, const ExecutorOptions& options, DenseWeights weights,
               std::vector<LayerExperts> experts, Workspace space, ThreadPool& pool,
               cache::KvPagePool& pages, prefetch::ExpertProvider* provider)
      : config_(config),
        weights_(std::move(weights)),
        space_(std::move(space)),
        compute_(quant::Compute::CreateBest(options.compute, pool)),
        kernels_(GetHostKernels(options.compute, quant::SupportedInstructionSets().back())),
        rope_(MakeRope(config_, weights_)),
        state_(config_, space_, pages, options.max_step_tokens),
        attention_(config_, kernels_, rope_, KvLayout(config_, options.kv_type), *compute_, space_),
        ffn_(config_, kernels_, *compute_, space_, std::move(experts), provider,
             options.max_step_tokens) {}

  void Run(std::span<StepSequence> step) override {
    state_.Begin(step);
    Embed();
    for (uint32_t i = 0; i < config_.layers; ++i) {
      state_.DropEnded();
      if (state_.rows().empty()) return;
      const LayerWeights* next = i + 1 < config_.layers ? &weights_.layers[i + 1] : nullptr;
      attention_.Run(i, weights_.layers[i], state_);
      ffn_.Run(i, weights_.layers[i], next, state_);
    }
    state_.DropEnded();
    ComputeLogits();
  }

  void SetRouteObserver(std::function<void(const RouteRecord&)> observer) override {
    ffn_.SetRouteObserver(std::move(observer));
  }

  uint64_t dense_bytes() const override { return weights_.buffer.size(); }

 private:
  void Embed() {
    const size_t width = config_.model_width;
    const quant::MatrixView& embedding = weights_.embedding;
    ForRows(compute_->pool(), state_.rows().size(), [&](size_t row, unsigned) {
      const StepRow& info = state_.rows()[row];
      quant::Dequantize(embedding.type, embedding.Rows(info.token, 1).data,
                        {space_.hidden + row * width, width});
      rope_.Angles(info.position, space_.angles + row * config_.rope_dimensions);
    });
  }

  // The output head, for the rows that somebody wants.
  void ComputeLogits() {
    head_rows_.clear();
    for (const SequenceRows& rows : state_.sequences()) {
      const StepSequence::Logits wanted = state_.step()[rows.sequence].wanted;
      const uint32_t end = rows.first_row + rows.rows;
      const uint32_t begin = wanted == StepSequence::Logits::kAll    ? rows.first_row
                             : wanted == StepSequence::Logits::kLast ? end - 1
                                                                     : end;
      for (uint32_t row = begin; row < end; ++row) head_rows_.push_back(row);
    }
    if (head_rows_.empty()) return;
    const size_t width = config_.model_width;
    const size_t vocabulary = config_.vocabulary;
    if (logits_.size() < head_rows_.size() * vocabulary) {
      logits_.resize(head_rows_.size() * vocabulary);
    }
    ForRows(compute_->pool(), head_rows_.size(), [&](size_t i, unsigned) {
      kernels_.normalize(space_.hidden + head_rows_[i] * width, weights_.output_norm,
                         config_.norm_epsilon, space_.normed + i * width, width);
    });
    const quant::MatMulTask head = {weights_.output, logits_.data(), vocabulary};
    compute_->SetInput(space_.normed, head_rows_.size(), width);
    compute_->MatMul({&head, 1});
    HandOutLogits();
  }

  void HandOutLogits() {
    const size_t vocabulary = config_.vocabulary;
    const float* next = logits_.data();
    for (const SequenceRows& rows : state_.sequences()) {
      StepSequence& sequence = state_.step()[rows.sequence];
      if (sequence.wanted == StepSequence::Logits::kNone) continue;
      const size_t count = sequence.wanted == StepSequence::Logits::kAll ? rows.rows : 1;
      sequence.logits = {next, count * vocabulary};
      next += count * vocabulary;
    }
  }

  const ModelConfig config_;
  const DenseWeights weights_;
  Workspace space_;
  const std::unique_ptr<quant::Compute> compute_;
  const HostKernels& kernels_;
  const Rope rope_;
  StepState state_;
  AttentionBlock attention_;
  FfnBlock ffn_;
  std::vector<uint32_t> head_rows_;
  std::vector<float> logits_;  // [head rows, vocabulary]; grows to the largest step seen
};

}  // namespace

uint64_t KvPageBytes(const ModelConfig& config, KvType type) {
  return KvLayout(config, type).page_bytes();
}

Result<std::vector<cache::LayerRecords>> DescribeExperts(const format::Gguf& gguf,
                                                         const ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(std::vector<LayerExperts> experts, LayOutExperts(gguf, config));
  std::vector<cache::LayerRecords> records;
  for (LayerExperts& layer : experts) records.push_back(std::move(layer.records));
  return records;
}

Result<uint64_t> DenseWeightBytes(const format::Gguf& gguf, const ModelConfig& config) {
  return PlanDenseWeights(gguf, config);
}

Result<std::unique_ptr<Executor>> CreateHostExecutor(
    const format::Gguf& gguf, const ModelConfig& config, const ExecutorOptions& options,
    Device& device, ThreadPool& pool, cache::KvPagePool& pages, prefetch::ExpertProvider* provider,
    std::function<bool(uint64_t done, uint64_t total)> progress) {
  MOIRA_ASSIGN_OR_RETURN(std::vector<LayerExperts> experts, LayOutExperts(gguf, config));
  if (!experts.empty() && provider == nullptr) {
    return InvalidArgument("a model with experts needs an expert provider");
  }
  const uint64_t page_bytes = KvPageBytes(config, options.kv_type);
  if (pages.page_bytes() < page_bytes) {
    return InvalidArgument("KV pages have " + std::to_string(pages.page_bytes()) +
                           " bytes, the model needs " + std::to_string(page_bytes));
  }
  if (options.max_step_tokens == 0)
    return InvalidArgument("max_step_tokens is 0, wanted 1 or more");
  MOIRA_ASSIGN_OR_RETURN(Workspace space,
                         Workspace::Create(config, options.max_step_tokens, pool.threads()));
  MOIRA_ASSIGN_OR_RETURN(DenseWeights weights, LoadDenseWeights(gguf, config, device, progress));
  return std::unique_ptr<Executor>(
      std::make_unique<HostExecutor>(config, options, std::move(weights), std::move(experts),
                                     std::move(space), pool, pages, provider));
}

}  // namespace moira::engine
