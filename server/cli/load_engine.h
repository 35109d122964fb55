#pragma once

#include <memory>

#include "engine/engine.h"

namespace moira::server {

// Engine::Load with a progress bar. kInvalidArgument when no model was named. `interrupted` (may be
// empty) is asked now and then; true stops with kCancelled.
Result<std::unique_ptr<engine::Engine>> LoadEngine(const engine::EngineOptions& options,
                                                   std::function<bool()> interrupted = {});

}  // namespace moira::server
