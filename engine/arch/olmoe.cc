#include "engine/arch/architecture.h"

namespace moira::engine {

// OLMoE: the whole query and key vectors are normalised before they are cut into heads.
const Architecture kOlmoe = {
    .name = "olmoe",
    .rope_pairing = RopePairing::kHalves,
    .qk_norm = QkNorm::kFullWidth,
    .normalize_expert_weights = false,
};

}  // namespace moira::engine
