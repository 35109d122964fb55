#include "engine/arch/architecture.h"

namespace moira::engine {

// Qwen1.5-MoE and Qwen2-MoE.
const Architecture kQwen2Moe = {
    .name = "qwen2moe",
    .rope_pairing = RopePairing::kHalves,
    .qkv_bias = Presence::kAlways,
    .default_expert_width = DefaultExpertWidth::kFeedForwardPerUsedExpert,
    .shared_experts = SharedExperts::kGated,
    .normalize_expert_weights = false,
};

}  // namespace moira::engine
