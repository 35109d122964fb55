#include "engine/model/workspace.h"

#include <optional>

#include "cache/device/checked.h"

namespace moira::engine {
namespace {

constexpr size_t kArrayAlignment = 64;  // a cache line

}  // namespace

Result<Workspace> Workspace::Create(const ModelConfig& config, uint32_t rows, unsigned threads) {
  Workspace space;
  const uint64_t width = config.model_width;
  const uint64_t parts = uint64_t{config.experts_per_token} + 1;
  const struct {
    float** array;
    uint64_t rows;
    uint64_t columns;
  } arrays[] = {
      {&space.hidden, rows, width},
      {&space.normed, rows, width},
      {&space.angles, rows, config.rope_dimensions},
      {&space.queries, rows, uint64_t{config.heads} * config.key_size},
      {&space.keys, rows, uint64_t{config.kv_heads} * config.key_size},
      {&space.values, rows, uint64_t{config.kv_heads} * config.value_size},
      {&space.attended, rows, uint64_t{config.heads} * config.value_size},
      {&space.projected, rows, width},
      {&space.attention_scratch, threads, AttentionScratchSize(config)},
      {&space.router_logits, rows, config.experts},
      {&space.shared_gates, rows, 1},
      {&space.prediction_input, kMaxPredictionTokens, width},
      {&space.predictions, kMaxPredictionTokens, config.experts},
      {&space.expert_weights, rows, parts},
      {&space.expert_outputs, rows * parts, width},
  };
  std::optional<size_t> total = 0;
  for (const auto& array : arrays) {
    const std::optional<size_t> values = CheckedMul<size_t>(array.rows, array.columns);
    const std::optional<size_t> bytes = values ? CheckedMul(*values, sizeof(float)) : std::nullopt;
    const std::optional<size_t> padded =
        bytes ? CheckedAlignUp(*bytes, kArrayAlignment) : std::nullopt;
    total = padded ? CheckedAdd(*total, *padded) : std::nullopt;
    if (!total) {
      return ResourceExhausted("the scratch memory for steps of " + std::to_string(rows) +
                               " tokens does not fit in an address space");
    }
  }
  MOIRA_ASSIGN_OR_RETURN(space.buffer, AllocateAligned(*total, kArrayAlignment));
  std::byte* next = space.buffer.data();
  for (const auto& array : arrays) {
    *array.array = reinterpret_cast<float*>(next);
    next += *CheckedAlignUp(array.rows * array.columns * sizeof(float), kArrayAlignment);
  }
  return space;
}

}  // namespace moira::engine
