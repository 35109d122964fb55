#pragma once

#include <chrono>
#include <string>

#include "engine/engine.h"
#include "server/api/admission.h"
#include "server/api/completion_request.h"
#include "server/api/metrics.h"
#include "server/http/exchange.h"

namespace moira::server {

// What the handlers of one server share.
struct ApiContext {
  engine::Engine& engine;
  Metrics& metrics;
  Admission& admission;
  std::string model;     // the name that clients see
  size_t window;         // sequences of one request inside the engine at once
  bool shares_prefixes;  // whether requests may find each other's prompts in the cache
  std::chrono::milliseconds ping_interval;
};

// Whether a request that names `model` is meant for this server's.
bool IsServedModel(const ApiContext& context, const std::string& model);

// Answers POST /v1/chat/completions and /v1/completions. Returns the HTTP status; 499 when the
// client left.
int HandleCompletion(Endpoint endpoint, const Request& request, const ApiContext& context,
                     Exchange& exchange);

}  // namespace moira::server
