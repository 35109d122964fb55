#include "engine/model/attention_block.h"

#include <algorithm>
#include <array>

#include "quant/dequantize.h"

namespace moira::engine {
namespace {

void AddBias(const float* bias, float* values, size_t count) {
  if (bias == nullptr) return;
  for (size_t i = 0; i < count; ++i) values[i] += bias[i];
}

// Writes `source` with `stride` elements between its values.
template <typename T>
void Scatter(const T* source, size_t count, T* target, size_t stride) {
  for (size_t i = 0; i < count; ++i) target[i * stride] = source[i];
}

// One head's key and value of one token into their page; see KvLayout.
void StoreHead(KvType type, std::span<const float> key, std::span<const float> value,
               std::byte* keys, std::byte* values, size_t slot) {
  if (type == KvType::kF32) {
    Scatter(key.data(), key.size(), reinterpret_cast<float*>(keys) + slot, kKvPageTokens);
    Scatter(value.data(), value.size(), reinterpret_cast<float*>(values) + slot * value.size(), 1);
    return;
  }
  std::array<uint16_t, kMaxHeadSize> halves;
  quant::FloatToHalf(key, std::span(halves).first(key.size()));
  Scatter(halves.data(), key.size(), reinterpret_cast<uint16_t*>(keys) + slot, kKvPageTokens);
  quant::FloatToHalf(value,
                     {reinterpret_cast<uint16_t*>(values) + slot * value.size(), value.size()});
}

}  // namespace

AttentionBlock::AttentionBlock(const ModelConfig& config, const HostKernels& kernels,
                               const Rope& rope, KvLayout layout, quant::Compute& compute,
                               Workspace& space)
    : config_(config),
      kernels_(kernels),
      rope_(rope),
      layout_(layout),
      compute_(compute),
      space_(space) {}

void AttentionBlock::Run(uint32_t layer, const LayerWeights& weights, const StepState& state) {
  const size_t rows = state.rows().size();
  const size_t width = config_.model_width;
  ForRows(compute_.pool(), rows, [&](size_t row, unsigned) {
    kernels_.normalize(space_.hidden + row * width, weights.attention_norm, config_.norm_epsilon,
                       space_.normed + row * width, width);
  });
  Project(weights, rows);
  for (const SequenceRows& sequence : state.sequences()) {
    ForRows(compute_.pool(), sequence.rows, [&](size_t i, unsigned) {
      PrepareRow(layer, weights, sequence, sequence.first_row + i);
    });
  }
  Attend(layer, state);
  const quant::MatMulTask output = {weights.attention_output, space_.projected, width};
  compute_.SetInput(space_.attended, rows, size_t{config_.heads} * config_.value_size);
  compute_.MatMul({&output, 1});
}

void AttentionBlock::Project(const LayerWeights& weights, size_t rows) {
  const quant::MatMulTask tasks[] = {
      {weights.query, space_.queries, weights.query.rows},
      {weights.key, space_.keys, weights.key.rows},
      {weights.value, space_.values, weights.value.rows},
  };
  compute_.SetInput(space_.normed, rows, config_.model_width);
  compute_.MatMul(tasks);
}

void AttentionBlock::PrepareRow(uint32_t layer, const LayerWeights& weights,
                                const SequenceRows& sequence, size_t row) {
  const size_t query_width = weights.query.rows;
  const size_t key_width = weights.key.rows;
  float* const query = space_.queries + row * query_width;
  float* const key = space_.keys + row * key_width;
  AddBias(weights.query_bias, query, query_width);
  AddBias(weights.key_bias, key, key_width);
  AddBias(weights.value_bias, space_.values + row * weights.value.rows, weights.value.rows);
  if (config_.qk_norm == QkNorm::kFullWidth) {
    kernels_.normalize(query, weights.query_norm, config_.norm_epsilon, query, query_width);
    kernels_.normalize(key, weights.key_norm, config_.norm_epsilon, key, key_width);
  }
  const float* const angles = space_.angles + row * config_.rope_dimensions;
  const auto prepare_heads = [&](float* vector, uint32_t heads, const float* gain) {
    for (uint32_t h = 0; h < heads; ++h) {
      float* const head = vector + size_t{h} * config_.key_size;
      if (config_.qk_norm == QkNorm::kPerHead) {
        kernels_.normalize(head, gain, config_.norm_epsilon, head, config_.key_size);
      }
      rope_.Rotate(angles, head);
    }
  };
  prepare_heads(query, config_.heads, weights.query_norm);
  prepare_heads(key, config_.kv_heads, weights.key_norm);
  StoreRow(layer, sequence, row);
}

void AttentionBlock::StoreRow(uint32_t layer, const SequenceRows& sequence, size_t row) {
  const uint32_t position =
      sequence.first_position + static_cast<uint32_t>(row - sequence.first_row);
  std::byte* const page = sequence.pages[position / kKvPageTokens];
  for (uint32_t head = 0; head < config_.kv_heads; ++head) {
    const size_t vector = row * config_.kv_heads + head;
    StoreHead(layout_.type(), {space_.keys + vector * config_.key_size, config_.key_size},
              {space_.values + vector * config_.value_size, config_.value_size},
              page + layout_.KeyOffset(layer, head), page + layout_.ValueOffset(layer, head),
              position % kKvPageTokens);
  }
}

void AttentionBlock::Attend(uint32_t layer, const StepState& state) {
  blocks_.clear();
  for (const SequenceRows& sequence : state.sequences()) {
    for (uint32_t i = 0; i < sequence.rows; i += kAttentionBlockTokens) {
      blocks_.push_back({&sequence, i, std::min(kAttentionBlockTokens, sequence.rows - i)});
    }
  }
  const uint32_t group = config_.heads / config_.kv_heads;
  const size_t query_stride = size_t{config_.heads} * config_.key_size;
  const size_t output_stride = size_t{config_.heads} * config_.value_size;
  const auto attend = [&](size_t task, unsigned worker) {
    const Block& block = blocks_[task / config_.kv_heads];
    const uint32_t head = static_cast<uint32_t>(task % config_.kv_heads);
    const size_t row = block.sequence->first_row + block.first_row;
    kernels_.attend({
        .pages = block.sequence->pages.data(),
        .key_offset = layout_.KeyOffset(layer, head),
        .value_offset = layout_.ValueOffset(layer, head),
        .half = layout_.type() == KvType::kF16,
        .key_size = config_.key_size,
        .value_size = config_.value_size,
        .scale = config_.attention_scale,
        .first_position = block.sequence->first_position + block.first_row,
        .tokens = block.rows,
        .heads = group,
        .queries = space_.queries + row * query_stride + size_t{head} * group * config_.key_size,
        .query_stride = query_stride,
        .output = space_.attended + row * output_stride + size_t{head} * group * config_.value_size,
        .output_stride = output_stride,
        .scratch = space_.attention_scratch + worker * AttentionScratchSize(config_),
    });
  };
  compute_.pool().ParallelFor(blocks_.size() * config_.kv_heads, attend);
}

}  // namespace moira::engine
