#include "engine/arch/architecture.h"

namespace moira::engine {

// Llama and its relatives, dense or with experts (Mixtral). Converters permute the query and key
// rows for the rotation of neighbours. Mixtral's softmax over the chosen two is the softmax over
// all, renormalised.
const Architecture kLlama = {
    .name = "llama",
    .rope_pairing = RopePairing::kNeighbours,
    .rope_whole_head = true,
    .qkv_bias = Presence::kIfPresent,
    .experts = Presence::kIfPresent,
    .normalize_expert_weights = true,
};

}  // namespace moira::engine
