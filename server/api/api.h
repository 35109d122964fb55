#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "server/api/admission.h"
#include "server/api/api_keys.h"
#include "server/api/completion_handler.h"
#include "server/api/metrics.h"
#include "server/api/routes.h"
#include "server/http/exchange.h"

namespace moira::server {

struct ApiOptions {
  std::string alias;
  std::vector<std::string> api_keys;
  std::vector<std::string> cors_origins;
  bool loopback = true;  // then only names of this machine are taken as Host
  std::string host;      // what the server is bound to
  size_t parallel = 4;
  size_t max_queued = 64;
  std::chrono::milliseconds ping_interval{15'000};
};

// The HTTP API between the transport and the engine: decides who may ask, finds the route, answers.
// Thread-safe.
class Api : public Application {
 public:
  explicit Api(ApiOptions options);

  // Serves from now on; called once. `engine` must outlive the last call of Handle.
  void Attach(engine::Engine* engine);
  void SetLoadProgress(double share);
  // From now on requests that need the engine are refused.
  void BeginDrain();
  // True when no generating request is inside any more.
  bool WaitUntilIdle(std::chrono::milliseconds deadline);
  // Whose figures /metrics shows; must outlive the last call of Handle.
  void SetTransport(const Transport* transport) { transport_ = transport; }

  std::optional<Response> Admit(const RequestHead& head) override;
  void Handle(const Request& request, Exchange& exchange) override;
  Response Refuse(int status, std::string_view reason) override;

 private:
  enum class State { kStarting, kReady, kDraining };

  std::optional<ApiError> CheckAccess(const RequestHead& head, const Route* route) const;
  std::optional<ApiError> CheckHost(const RequestHead& head) const;
  std::optional<ApiError> CheckState(const Route& route) const;
  std::optional<Response> Decide(const RequestHead& head, const Route* route) const;
  Response Options(std::string_view path) const;
  Response Health(RouteId id) const;
  Response MetricsPage() const;
  void AddCorsFields(const RequestHead& head, Response* response) const;
  int Dispatch(const Route& route, const Request& request, Exchange& exchange);
  Response Answer(const Route& route, const Request& request) const;

  const ApiOptions options_;
  const ApiKeys keys_;
  mutable Metrics metrics_;
  mutable Admission admission_;
  std::unique_ptr<ApiContext> owned_context_;
  std::atomic<const ApiContext*> context_{nullptr};  // null until Attach; set before kReady
  std::atomic<const Transport*> transport_{nullptr};
  std::atomic<State> state_{State::kStarting};
  std::atomic<double> progress_{0};
};

}  // namespace moira::server
