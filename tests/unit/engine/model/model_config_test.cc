#include "engine/model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/arch/architecture.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace moira::engine {
namespace {

using testing::GgufWriter;
using ::testing::HasSubstr;
using testing::TempFolder;
using testing::TinyModel;
using testing::TinySpec;

// A file with the shape keys of `architecture` and an embedding of 10 tokens, to which a test adds.
GgufWriter Shape(const std::string& architecture) {
  GgufWriter writer;
  writer.Set("general.architecture", architecture.c_str());
  writer.Set(architecture + ".block_count", uint32_t{2});
  writer.Set(architecture + ".context_length", uint32_t{100});
  writer.Set(architecture + ".embedding_length", uint32_t{64});
  writer.Set(architecture + ".attention.head_count", uint32_t{4});
  writer.Set(architecture + ".attention.layer_norm_rms_epsilon", 1e-6f);
  writer.AddZeroTensor("token_embd.weight", format::TensorType::kF32, {64, 10});
  return writer;
}

Result<ModelConfig> Read(const GgufWriter& writer) {
  const TempFolder folder;
  MOIRA_ASSIGN_OR_RETURN(format::Gguf gguf,
                         format::Gguf::Open(folder.Write("model.gguf", writer.Bytes())));
  return ReadModelConfig(gguf);
}

ModelConfig ReadOk(const GgufWriter& writer) {
  Result<ModelConfig> config = Read(writer);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : ModelConfig();
}

TEST(ModelConfigTest, ADenseLlamaTakesItsDefaults) {
  const ModelConfig config = ReadOk(Shape("llama").Set("llama.feed_forward_length", uint32_t{96}));
  EXPECT_EQ(config.name, "model.gguf");
  EXPECT_EQ(config.vocabulary, 10u);
  EXPECT_EQ(config.kv_heads, 4u);
  EXPECT_EQ(config.key_size, 16u);
  EXPECT_EQ(config.value_size, 16u);
  EXPECT_FLOAT_EQ(config.attention_scale, 0.25f);
  EXPECT_EQ(config.rope_dimensions, 16u);
  EXPECT_EQ(config.rope_base, 10000);
  EXPECT_EQ(config.rope_pairing, RopePairing::kNeighbours);
  EXPECT_EQ(config.rope_scaling, RopeScaling::kNone);
  EXPECT_FALSE(config.is_moe());
  ASSERT_EQ(config.layer.size(), 2u);
  EXPECT_EQ(config.layer[1].feed_forward, 96u);
}

TEST(ModelConfigTest, FeedForwardMayDifferBetweenBlocks) {
  const ModelConfig config =
      ReadOk(Shape("llama").Set("llama.feed_forward_length", std::vector<uint32_t>{96, 128}));
  EXPECT_EQ(config.layer[0].feed_forward, 96u);
  EXPECT_EQ(config.layer[1].feed_forward, 128u);
}

TEST(ModelConfigTest, EveryFamilyOfTheTableIsRead) {
  for (const TinySpec& spec : testing::TinyFamilies()) {
    const ModelConfig config = ReadOk(TinyModel(spec).Writer());
    EXPECT_EQ(config.architecture, spec.architecture);
    EXPECT_EQ(config.experts, spec.experts);
    EXPECT_EQ(config.rope_pairing == RopePairing::kNeighbours, spec.rope_neighbours);
    EXPECT_EQ(config.qkv_bias, spec.qkv_bias);
    if (spec.experts == 0) continue;
    EXPECT_EQ(config.expert_width, spec.expert_width);
    EXPECT_EQ(config.shared_expert_width, spec.shared_experts * spec.expert_width);
    EXPECT_EQ(config.shared_expert_gate, spec.shared_gate);
    EXPECT_EQ(config.normalize_expert_weights, spec.normalize_weights);
    EXPECT_EQ(config.expert_weights_scale, spec.weights_scale);
    for (uint32_t i = 0; i < spec.layers; ++i) {
      EXPECT_EQ(config.layer[i].moe, i >= spec.dense_layers);
    }
  }
}

TEST(ModelConfigTest, KeysOverrideWhatTheFamilyDoes) {
  const ModelConfig config = ReadOk(Shape("qwen3moe")
                                        .Set("qwen3moe.feed_forward_length", uint32_t{128})
                                        .Set("qwen3moe.expert_count", uint32_t{8})
                                        .Set("qwen3moe.expert_used_count", uint32_t{4})
                                        .Set("qwen3moe.expert_weights_norm", false)
                                        .Set("qwen3moe.expert_weights_scale", 2.5f)
                                        .Set("qwen3moe.expert_gating_func", uint32_t{2})
                                        .Set("qwen3moe.expert_group_count", uint32_t{4})
                                        .Set("qwen3moe.expert_group_used_count", uint32_t{2})
                                        .Set("qwen3moe.attention.scale", 0.5f));
  EXPECT_EQ(config.expert_width, 32u);  // feed_forward_length / expert_used_count
  EXPECT_FALSE(config.normalize_expert_weights);
  EXPECT_EQ(config.expert_weights_scale, 2.5f);
  EXPECT_EQ(config.gating, Gating::kSigmoid);
  EXPECT_EQ(config.expert_groups, 4u);
  EXPECT_EQ(config.expert_groups_used, 2u);
  EXPECT_EQ(config.attention_scale, 0.5f);
}

GgufWriter Scaled(const char* type, float factor) {
  return Shape("llama")
      .Set("llama.feed_forward_length", uint32_t{96})
      .Set("llama.rope.scaling.type", type)
      .Set("llama.rope.scaling.factor", factor);
}

TEST(ModelConfigTest, RopeScalingIsNoneLinearOrYarn) {
  EXPECT_EQ(ReadOk(Scaled("none", 4)).rope_scaling_factor, 1);
  const ModelConfig linear = ReadOk(Scaled("linear", 4));
  EXPECT_EQ(linear.rope_scaling, RopeScaling::kLinear);
  EXPECT_EQ(linear.rope_scaling_factor, 4);
  EXPECT_EQ(linear.rope_attention_factor, 1);
  const ModelConfig yarn =
      ReadOk(Scaled("yarn", 4).Set("llama.rope.scaling.original_context_length", uint32_t{50}));
  EXPECT_EQ(yarn.rope_scaling, RopeScaling::kYarn);
  EXPECT_EQ(yarn.rope_original_context, 50u);
  EXPECT_NEAR(yarn.rope_attention_factor, 1 + 0.1 * std::log(4), 1e-6);
  const ModelConfig multiplied =
      ReadOk(Scaled("yarn", 4).Set("llama.rope.scaling.yarn_log_multiplier", 0.5f));
  EXPECT_NEAR(multiplied.rope_attention_factor, (1 + 0.1 * std::log(4)) / (1 + 0.05 * std::log(4)),
              1e-6);
}

struct BadCase {
  const char* name;
  GgufWriter writer;
  const char* message;
};

GgufWriter Moe(uint32_t experts, uint32_t used) {
  return Shape("qwen3moe")
      .Set("qwen3moe.feed_forward_length", uint32_t{128})
      .Set("qwen3moe.expert_count", experts)
      .Set("qwen3moe.expert_used_count", used);
}

GgufWriter Dense() { return Shape("llama").Set("llama.feed_forward_length", uint32_t{96}); }

TEST(ModelConfigTest, WhatIsWrongIsNamed) {
  const BadCase cases[] = {
      {"no architecture", GgufWriter(), "general.architecture is missing"},
      {"unknown", GgufWriter().Set("general.architecture", "rwkv"),
       "supported are deepseek, llama, olmoe, qwen2moe, qwen3moe"},
      {"no width", Shape("llama"), "llama.feed_forward_length"},
      {"no experts", Shape("qwen3moe"), "qwen3moe.expert_count"},
      {"top-k", Moe(8, 9), "qwen3moe.expert_used_count"},
      {"too many experts", Moe(5000, 1), "qwen3moe.expert_count"},
      {"groups", Moe(8, 2).Set("qwen3moe.expert_group_count", uint32_t{3}),
       "does not divide the 8 experts"},
      {"small groups",
       Moe(8, 3)
           .Set("qwen3moe.expert_group_count", uint32_t{4})
           .Set("qwen3moe.expert_group_used_count", uint32_t{1}),
       "the 1 groups in use hold 2 experts"},
      {"gating", Moe(8, 2).Set("qwen3moe.expert_gating_func", uint32_t{9}),
       "qwen3moe.expert_gating_func"},
      {"kv heads", Dense().Set("llama.attention.head_count_kv", uint32_t{3}),
       "does not divide the 4 heads"},
      {"varying heads", Dense().Set("llama.attention.head_count_kv", std::vector<uint32_t>{4, 2}),
       "differs between layers (4 and 2)"},
      {"list length",
       Shape("llama").Set("llama.feed_forward_length", std::vector<uint32_t>{96, 96, 96}),
       "has 3 values, wanted 1 or one for each of 2 layers"},
      {"head size", Dense().Set("llama.attention.key_length", uint32_t{5000}),
       "llama.attention.key_length"},
      {"rope dimensions", Dense().Set("llama.rope.dimension_count", uint32_t{8}),
       "wanted the head size 16"},
      {"rope base", Dense().Set("llama.rope.freq_base", 0.0f), "llama.rope.freq_base"},
      {"scaling", Scaled("longrope", 4), "\"longrope\", supported are none, linear and yarn"},
      {"vocabulary", Dense().Set("llama.vocab_size", uint32_t{11}),
       "llama.vocab_size is 11, but tensor token_embd.weight has 10 rows"},
  };
  for (const BadCase& bad : cases) {
    const Result<ModelConfig> config = Read(bad.writer);
    ASSERT_FALSE(config.ok()) << bad.name;
    EXPECT_THAT(config.status().message(), HasSubstr(bad.message)) << bad.name;
    EXPECT_TRUE(config.status().code() == StatusCode::kInvalidData ||
                config.status().code() == StatusCode::kUnsupported);
  }
}

TEST(ModelConfigTest, TheTableIsSortedAndHasNoDoubles) {
  std::vector<std::string_view> names;
  for (const Architecture* architecture : Architectures()) names.push_back(architecture->name);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace moira::engine
