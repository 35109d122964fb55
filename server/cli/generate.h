#pragma once

#include <vector>

#include "engine/engine.h"

namespace moira::server {

// All that a request gave, once it has ended.
struct Generation {
  std::vector<engine::GeneratedToken> prompt;  // prompt logprobs, where asked for
  std::vector<engine::GeneratedToken> tokens;
  engine::RequestTimings timings;
};

// Submits a request and waits for its end; the request's error if it failed.
Result<Generation> Generate(engine::Engine& engine, engine::GenerateRequest request);

}  // namespace moira::server
