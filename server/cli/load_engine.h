#pragma once

#include <memory>

#include "engine/engine.h"

namespace moira::server {

// Engine::Load with a progress bar. kInvalidArgument when no model was named. `heard` (may be
// empty) hears the progress too; false stops with kCancelled.
Result<std::unique_ptr<engine::Engine>> LoadEngine(
    const engine::EngineOptions& options,
    std::function<bool(uint64_t done, uint64_t total)> heard = {});

}  // namespace moira::server
