#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/gguf.h"

namespace moira::engine {

// Which halves of a head rotate together: neighbours (2i, 2i+1), or (i, i + n/2).
enum class RopePairing { kNeighbours, kHalves };
enum class RopeScaling { kNone, kLinear, kYarn };
enum class QkNorm { kNone, kPerHead, kFullWidth };
// How router logits become scores. kSoftmaxOfChosen: the logits choose, and the softmax runs over
// the chosen alone. Numbered as the key `expert_gating_func` does.
enum class Gating { kSoftmax = 1, kSigmoid = 2, kSoftmaxOfChosen = 3, kSqrtSoftplus = 4 };

// Largest head size that the kernels keep scratch room for; published models stay below 600.
inline constexpr uint32_t kMaxHeadSize = 1024;

// One transformer block's shape; blocks of one model may differ.
struct LayerConfig {
  bool moe = false;           // routed experts, or a dense FFN
  uint32_t feed_forward = 0;  // width of the dense FFN
};

// All that the forward pass needs to know of a model, validated as a whole before any memory is
// taken: a config that exists is consistent. Data, no behaviour; families differ by the values that
// engine/arch fills in.
struct ModelConfig {
  std::string architecture;  // "qwen3moe"
  std::string name;          // general.name, or the file's name
  uint32_t layers = 0;
  uint32_t model_width = 0;  // "hidden size", "n_embd"
  uint32_t heads = 0;
  uint32_t kv_heads = 0;
  uint32_t key_size = 0;    // per head
  uint32_t value_size = 0;  // per head
  uint32_t vocabulary = 0;
  uint32_t context_length = 0;  // trained
  float norm_epsilon = 0;
  bool qkv_bias = false;
  QkNorm qk_norm = QkNorm::kNone;
  float attention_scale = 0;  // 1/sqrt(key_size) unless the file says otherwise

  RopePairing rope_pairing = RopePairing::kHalves;
  uint32_t rope_dimensions = 0;  // leading values of a head that rotate
  float rope_base = 10000;
  RopeScaling rope_scaling = RopeScaling::kNone;
  float rope_scaling_factor = 1;  // context extension: positions are divided by it
  float rope_attention_factor = 1;
  uint32_t rope_original_context = 0;
  float yarn_extrapolation = 1, yarn_beta_fast = 32, yarn_beta_slow = 1;

  uint32_t experts = 0;  // per MoE layer; 0 for a dense model
  uint32_t experts_per_token = 0;
  uint32_t expert_width = 0;
  uint32_t shared_expert_width = 0;  // of all shared experts together; 0 for none
  bool shared_expert_gate = false;   // its output is multiplied by sigmoid(w . x)
  Gating gating = Gating::kSoftmax;
  bool normalize_expert_weights = false;
  float expert_weights_scale = 1;
  uint32_t expert_groups = 1;  // selection is limited to the best groups
  uint32_t expert_groups_used = 1;

  std::vector<LayerConfig> layer;

  bool is_moe() const { return experts > 0; }
};

// Reads and validates the configuration of a supported architecture. kUnsupported for an unknown
// one, listing the known; kInvalidData naming key, value and bound.
Result<ModelConfig> ReadModelConfig(const format::Gguf& gguf);

}  // namespace moira::engine
