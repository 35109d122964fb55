#include "engine/model/workspace.h"

#include <gtest/gtest.h>

#include <limits>

namespace moira::engine {
namespace {

ModelConfig Config() {
  ModelConfig config;
  config.model_width = 48;
  config.heads = 4;
  config.kv_heads = 2;
  config.key_size = 16;
  config.value_size = 8;
  config.rope_dimensions = 16;
  config.experts = 6;
  config.experts_per_token = 2;
  return config;
}

TEST(WorkspaceTest, ArraysDoNotOverlap) {
  const Result<Workspace> space = Workspace::Create(Config(), 5, 3);
  ASSERT_TRUE(space.ok());
  const std::pair<float*, size_t> arrays[] = {
      {space->hidden, 5 * 48},
      {space->normed, 5 * 48},
      {space->angles, 5 * 16},
      {space->queries, 5 * 64},
      {space->keys, 5 * 32},
      {space->values, 5 * 16},
      {space->attended, 5 * 32},
      {space->projected, 5 * 48},
      {space->attention_scratch, 3 * AttentionScratchSize(Config())},
      {space->router_logits, 5 * 6},
      {space->shared_gates, 5},
      {space->prediction_input, kMaxPredictionTokens * 48},
      {space->predictions, kMaxPredictionTokens * 6},
      {space->expert_weights, 5 * 3},
      {space->expert_outputs, 15 * 48},
  };
  // Each array is filled with its number; a sanitizer sees what leaves the buffer.
  float number = 0;
  for (const auto& [array, size] : arrays) std::fill_n(array, size, ++number);
  number = 0;
  for (const auto& [array, size] : arrays) {
    ++number;
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(array[i], number);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array) % 64, 0u);
  }
}

TEST(WorkspaceTest, SizesThatOverflowAreRefused) {
  ModelConfig config = Config();
  config.model_width = std::numeric_limits<uint32_t>::max();
  config.experts_per_token = std::numeric_limits<uint32_t>::max();
  const Result<Workspace> space =
      Workspace::Create(config, std::numeric_limits<uint32_t>::max(), 1);
  EXPECT_EQ(space.status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace moira::engine
