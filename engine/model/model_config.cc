#include "engine/model/model_config.h"

#include <cmath>
#include <numbers>
#include <string>

#include "engine/arch/architecture.h"
#include "engine/model/config_reader.h"

namespace moira::engine {
namespace {

// What a model may state; anything else is a broken file, or one that no machine here could run.
// Wide enough for every published model with room to spare.
constexpr Bound<uint32_t> kLayers{1, 256};
constexpr Bound<uint32_t> kWidth{1, 65536};
constexpr Bound<uint32_t> kFeedForward{1, 1u << 20};
constexpr Bound<uint32_t> kHeads{1, 1024};
constexpr Bound<uint32_t> kHeadSize{1, kMaxHeadSize};
constexpr Bound<uint32_t> kVocabulary{1, 1u << 20};
constexpr Bound<uint32_t> kContext{1, 1u << 20};
constexpr Bound<uint32_t> kExperts{0, 1024};
constexpr Bound<uint32_t> kSharedExperts{0, 1024};
constexpr Bound<double> kEpsilon{1e-12, 1.0};
constexpr Bound<double> kRopeBase{1.0, 1e12};
constexpr Bound<double> kRopeFactor{0.0, 1e6};
constexpr Bound<double> kScale{-1e6, 1e6};

Status ReadShape(const ConfigReader& reader, const format::Gguf& gguf, ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(config.layers, reader.Required("block_count", kLayers));
  MOIRA_ASSIGN_OR_RETURN(config.model_width, reader.Required("embedding_length", kWidth));
  MOIRA_ASSIGN_OR_RETURN(config.context_length, reader.Required("context_length", kContext));
  MOIRA_ASSIGN_OR_RETURN(config.norm_epsilon,
                         reader.FloatOr("attention.layer_norm_rms_epsilon", kEpsilon, 0));
  if (config.norm_epsilon == 0) {
    return InvalidData("metadata key " + reader.Key("attention.layer_norm_rms_epsilon") +
                       " is missing");
  }
  const format::TensorInfo* embedding = gguf.FindTensor("token_embd.weight");
  if (embedding == nullptr) return InvalidData("tensor token_embd.weight is missing");
  const uint64_t rows = embedding->rows();
  if (rows < kVocabulary.minimum || rows > kVocabulary.maximum) {
    return InvalidData("tensor token_embd.weight has " + std::to_string(rows) + " rows, wanted " +
                       std::to_string(kVocabulary.minimum) + " to " +
                       std::to_string(kVocabulary.maximum));
  }
  config.vocabulary = static_cast<uint32_t>(rows);
  MOIRA_ASSIGN_OR_RETURN(uint32_t stated,
                         reader.OptionalOr("vocab_size", kVocabulary, config.vocabulary));
  if (stated != config.vocabulary) {
    return InvalidData("metadata key " + reader.Key("vocab_size") + " is " +
                       std::to_string(stated) + ", but tensor token_embd.weight has " +
                       std::to_string(rows) + " rows");
  }
  return {};
}

Status ReadAttention(const ConfigReader& reader, const Architecture& architecture,
                     const format::Gguf& gguf, ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint32_t> heads,
                         reader.Uniform("attention.head_count", config.layers, kHeads));
  if (!heads) {
    return InvalidData("metadata key " + reader.Key("attention.head_count") + " is missing");
  }
  config.heads = *heads;
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint32_t> kv_heads,
                         reader.Uniform("attention.head_count_kv", config.layers, kHeads));
  config.kv_heads = kv_heads.value_or(config.heads);
  if (config.heads % config.kv_heads != 0) {
    return InvalidData("metadata key " + reader.Key("attention.head_count_kv") + " is " +
                       std::to_string(config.kv_heads) + ", which does not divide the " +
                       std::to_string(config.heads) + " heads");
  }
  const uint32_t default_size = config.model_width / config.heads;
  MOIRA_ASSIGN_OR_RETURN(config.key_size,
                         reader.OptionalOr("attention.key_length", kHeadSize, default_size));
  MOIRA_ASSIGN_OR_RETURN(config.value_size,
                         reader.OptionalOr("attention.value_length", kHeadSize, default_size));
  for (uint32_t size : {config.key_size, config.value_size}) {
    if (size < kHeadSize.minimum || size > kHeadSize.maximum) {
      return InvalidData("the head size that follows from " + reader.Key("embedding_length") +
                         " is " + std::to_string(size) + ", wanted " +
                         std::to_string(kHeadSize.minimum) + " to " +
                         std::to_string(kHeadSize.maximum));
    }
  }
  const float ordinary_scale = 1.0f / std::sqrt(static_cast<float>(config.key_size));
  MOIRA_ASSIGN_OR_RETURN(config.attention_scale,
                         reader.FloatOr("attention.scale", kScale, ordinary_scale));
  if (config.attention_scale == 0) config.attention_scale = ordinary_scale;
  config.qk_norm = architecture.qk_norm;
  config.qkv_bias = architecture.qkv_bias == Presence::kAlways ||
                    (architecture.qkv_bias == Presence::kIfPresent &&
                     gguf.FindTensor("blk.0.attn_q.bias") != nullptr);
  return {};
}

// The yarn paper's attention temperature (arXiv 2309.00071, section 3.4), which the rotation
// applies to queries and keys alike: cosines and sines are multiplied by it.
float YarnAttentionFactor(float factor, float strength) {
  return factor <= 1 ? 1.0f : 1.0f + 0.1f * strength * std::log(factor);
}

Status ReadYarn(const ConfigReader& reader, ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(
      config.rope_original_context,
      reader.OptionalOr("rope.scaling.original_context_length", kContext, config.context_length));
  MOIRA_ASSIGN_OR_RETURN(config.yarn_extrapolation,
                         reader.FloatOr("rope.scaling.yarn_ext_factor", {-1.0, 1.0}, 1.0f));
  if (config.yarn_extrapolation < 0) config.yarn_extrapolation = 1;  // "as the type says"
  MOIRA_ASSIGN_OR_RETURN(config.yarn_beta_fast,
                         reader.FloatOr("rope.scaling.yarn_beta_fast", {1e-3, 1e6}, 32.0f));
  MOIRA_ASSIGN_OR_RETURN(config.yarn_beta_slow,
                         reader.FloatOr("rope.scaling.yarn_beta_slow", {1e-3, 1e6}, 1.0f));
  MOIRA_ASSIGN_OR_RETURN(float log_multiplier,
                         reader.FloatOr("rope.scaling.yarn_log_multiplier", {0.0, 100.0}, 0.0f));
  const float factor = config.rope_scaling_factor;
  float temperature = YarnAttentionFactor(factor, 1);
  if (log_multiplier != 0) temperature /= YarnAttentionFactor(factor, log_multiplier);
  if (config.yarn_extrapolation != 0) config.rope_attention_factor *= temperature;
  return {};
}

Status ReadRope(const ConfigReader& reader, const Architecture& architecture, ModelConfig& config) {
  config.rope_pairing = architecture.rope_pairing;
  MOIRA_ASSIGN_OR_RETURN(
      config.rope_dimensions,
      reader.OptionalOr("rope.dimension_count", {0, kHeadSize.maximum}, config.key_size));
  const bool whole = !architecture.rope_whole_head || config.rope_dimensions == config.key_size;
  if (!whole || config.rope_dimensions > config.key_size || config.rope_dimensions % 2 != 0) {
    return InvalidData("metadata key " + reader.Key("rope.dimension_count") + " is " +
                       std::to_string(config.rope_dimensions) + ", wanted " +
                       (architecture.rope_whole_head ? "the head size " : "an even number up to ") +
                       std::to_string(config.key_size));
  }
  MOIRA_ASSIGN_OR_RETURN(config.rope_base, reader.FloatOr("rope.freq_base", kRopeBase, 10000.0f));
  MOIRA_ASSIGN_OR_RETURN(config.rope_attention_factor,
                         reader.FloatOr("rope.scaling.attn_factor", kRopeFactor, 1.0f));
  MOIRA_ASSIGN_OR_RETURN(float older_factor, reader.FloatOr("rope.scale_linear", kRopeFactor, 0));
  MOIRA_ASSIGN_OR_RETURN(float factor,
                         reader.FloatOr("rope.scaling.factor", kRopeFactor, older_factor));
  config.rope_scaling_factor = factor == 0 ? 1 : factor;
  MOIRA_ASSIGN_OR_RETURN(std::string type, reader.StringOr("rope.scaling.type", "linear"));
  if (type == "none") {
    config.rope_scaling = RopeScaling::kNone;
    config.rope_scaling_factor = 1;
    return {};
  }
  if (type == "linear") {
    config.rope_scaling = factor == 0 ? RopeScaling::kNone : RopeScaling::kLinear;
    return {};
  }
  if (type == "yarn") {
    config.rope_scaling = RopeScaling::kYarn;
    return ReadYarn(reader, config);
  }
  return Unsupported("metadata key " + reader.Key("rope.scaling.type") + " is \"" + type +
                     "\", supported are none, linear and yarn");
}

Status ReadGating(const ConfigReader& reader, const Architecture& architecture,
                  ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(
      uint32_t gating,
      reader.OptionalOr("expert_gating_func", {0, 4}, static_cast<uint32_t>(Gating::kSoftmax)));
  // 0 is written by converters that know no better.
  config.gating = gating == 0 ? Gating::kSoftmax : static_cast<Gating>(gating);
  MOIRA_ASSIGN_OR_RETURN(
      config.normalize_expert_weights,
      reader.BoolOr("expert_weights_norm", architecture.normalize_expert_weights));
  MOIRA_ASSIGN_OR_RETURN(config.expert_weights_scale,
                         reader.FloatOr("expert_weights_scale", kScale, 1.0f));
  if (config.expert_weights_scale == 0) config.expert_weights_scale = 1;  // 0 means "unset"
  MOIRA_ASSIGN_OR_RETURN(uint32_t groups,
                         reader.OptionalOr("expert_group_count", {0, config.experts}, 1));
  config.expert_groups = groups == 0 ? 1 : groups;
  MOIRA_ASSIGN_OR_RETURN(uint32_t used,
                         reader.OptionalOr("expert_group_used_count", {0, config.expert_groups},
                                           config.expert_groups));
  config.expert_groups_used = used == 0 ? config.expert_groups : used;
  if (config.experts % config.expert_groups != 0) {
    return InvalidData("metadata key " + reader.Key("expert_group_count") + " is " +
                       std::to_string(config.expert_groups) + ", which does not divide the " +
                       std::to_string(config.experts) + " experts");
  }
  const uint32_t candidates = config.experts / config.expert_groups * config.expert_groups_used;
  if (config.experts_per_token > candidates) {
    return InvalidData("metadata key " + reader.Key("expert_used_count") + " is " +
                       std::to_string(config.experts_per_token) + ", but the " +
                       std::to_string(config.expert_groups_used) + " groups in use hold " +
                       std::to_string(candidates) + " experts");
  }
  return {};
}

Status ReadSharedExperts(const ConfigReader& reader, const Architecture& architecture,
                         uint32_t feed_forward, ModelConfig& config) {
  if (architecture.shared_experts == SharedExperts::kNone) return {};
  uint32_t width = feed_forward;
  if (architecture.shared_experts == SharedExperts::kCounted) {
    MOIRA_ASSIGN_OR_RETURN(uint32_t count, reader.Required("expert_shared_count", kSharedExperts));
    const uint64_t product = uint64_t{count} * config.expert_width;
    if (product > kFeedForward.maximum) {
      return InvalidData("metadata key " + reader.Key("expert_shared_count") + " is " +
                         std::to_string(count) + ", which makes the shared experts " +
                         std::to_string(product) + " wide, more than " +
                         std::to_string(kFeedForward.maximum));
    }
    width = static_cast<uint32_t>(product);
  }
  config.shared_expert_gate = architecture.shared_experts == SharedExperts::kGated;
  MOIRA_ASSIGN_OR_RETURN(
      config.shared_expert_width,
      reader.OptionalOr("expert_shared_feed_forward_length", {0, kFeedForward.maximum}, width));
  // Some converters write 0 where the key has no meaning.
  if (config.shared_expert_width == 0) config.shared_expert_width = width;
  return {};
}

Status ReadExperts(const ConfigReader& reader, const Architecture& architecture,
                   uint32_t feed_forward, ModelConfig& config) {
  if (architecture.experts == Presence::kNever) return {};
  MOIRA_ASSIGN_OR_RETURN(config.experts, reader.OptionalOr("expert_count", kExperts, 0));
  if (config.experts == 0) {
    if (architecture.experts == Presence::kIfPresent) return {};
    return InvalidData("metadata key " + reader.Key("expert_count") +
                       " is missing or 0, but this architecture has experts in every file");
  }
  MOIRA_ASSIGN_OR_RETURN(config.experts_per_token,
                         reader.Required("expert_used_count", {1, config.experts}));
  uint32_t width = feed_forward;
  if (architecture.default_expert_width == DefaultExpertWidth::kFeedForwardPerUsedExpert) {
    width /= config.experts_per_token;
  }
  MOIRA_ASSIGN_OR_RETURN(config.expert_width, reader.OptionalOr("expert_feed_forward_length",
                                                                {0, kFeedForward.maximum}, 0));
  if (config.expert_width == 0) config.expert_width = width;
  if (config.expert_width == 0) {
    return InvalidData("metadata key " + reader.Key("expert_feed_forward_length") +
                       " is missing, and no width follows from " +
                       reader.Key("feed_forward_length"));
  }
  MOIRA_RETURN_IF_ERROR(ReadGating(reader, architecture, config));
  return ReadSharedExperts(reader, architecture, feed_forward, config);
}

Status ReadLayers(const ConfigReader& reader, const Architecture& architecture,
                  ModelConfig& config) {
  MOIRA_ASSIGN_OR_RETURN(
      std::vector<uint32_t> feed_forward,
      reader.PerLayer("feed_forward_length", config.layers, {0, kFeedForward.maximum}));
  MOIRA_RETURN_IF_ERROR(
      ReadExperts(reader, architecture, feed_forward.empty() ? 0 : feed_forward.back(), config));
  uint32_t dense = config.is_moe() ? 0 : config.layers;
  if (config.is_moe() && architecture.leading_dense_blocks) {
    MOIRA_ASSIGN_OR_RETURN(dense,
                           reader.OptionalOr("leading_dense_block_count", {0, config.layers}, 0));
  }
  config.layer.resize(config.layers);
  for (uint32_t i = 0; i < config.layers; ++i) {
    config.layer[i].moe = i >= dense;
    if (config.layer[i].moe) continue;
    config.layer[i].feed_forward = feed_forward.empty() ? 0 : feed_forward[i];
    if (config.layer[i].feed_forward == 0) {
      return InvalidData("metadata key " + reader.Key("feed_forward_length") +
                         " gives no width for the dense block " + std::to_string(i));
    }
  }
  return {};
}

Result<std::string> ReadName(const format::Gguf& gguf) {
  MOIRA_ASSIGN_OR_RETURN(std::optional<std::string> name, gguf.metadata().String("general.name"));
  if (name && !name->empty()) return *std::move(name);
  const std::string& path = gguf.files().front().path();
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<ModelConfig> ReadModelConfig(const format::Gguf& gguf) {
  const format::Metadata& metadata = gguf.metadata();
  MOIRA_ASSIGN_OR_RETURN(std::optional<std::string> name, metadata.String("general.architecture"));
  if (!name) return InvalidData("metadata key general.architecture is missing");
  const Architecture* architecture = FindArchitecture(*name);
  if (architecture == nullptr) {
    return Unsupported("general.architecture is \"" + *name + "\", supported are " +
                       ArchitectureNames());
  }
  const ConfigReader reader(metadata, *name);
  ModelConfig config;
  config.architecture = *name;
  MOIRA_ASSIGN_OR_RETURN(config.name, ReadName(gguf));
  MOIRA_RETURN_IF_ERROR(ReadShape(reader, gguf, config));
  MOIRA_RETURN_IF_ERROR(ReadAttention(reader, *architecture, gguf, config));
  MOIRA_RETURN_IF_ERROR(ReadRope(reader, *architecture, config));
  MOIRA_RETURN_IF_ERROR(ReadLayers(reader, *architecture, config));
  return config;
}

}  // namespace moira::engine
