#include "engine/arch/architecture.h"

namespace moira::engine {

// Qwen3-MoE and Qwen3-Coder: queries and keys are normalised head by head before they rotate.
const Architecture kQwen3Moe = {
    .name = "qwen3moe",
    .rope_pairing = RopePairing::kHalves,
    .qk_norm = QkNorm::kPerHead,
    .default_expert_width = DefaultExpertWidth::kFeedForwardPerUsedExpert,
    .normalize_expert_weights = true,
};

}  // namespace moira::engine
