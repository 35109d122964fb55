#include "engine/arch/architecture.h"

namespace moira::engine {

// DeepSeek-MoE (the first version, with ordinary attention): dense blocks lead, and shared experts
// run beside the routed ones.
const Architecture kDeepseek = {
    .name = "deepseek",
    .rope_pairing = RopePairing::kNeighbours,
    .shared_experts = SharedExperts::kCounted,
    .leading_dense_blocks = true,
    .normalize_expert_weights = false,
};

}  // namespace moira::engine
