#include "server/server.h"

#include <atomic>
#include <utility>

#include "engine/engine.h"
#include "server/api/api.h"
#include "server/http/transport.h"

namespace moira::server {
namespace {

// Beside one thread for every request that can be inside: for those that only ask for tokens,
// models or metrics, and for those that are refused.
constexpr size_t kSpareWorkers = 8;
// After the engine ended everything: for the last bytes to be written.
constexpr std::chrono::milliseconds kFlushDeadline{2'000};

TransportOptions TransportOptionsOf(const ServerOptions& options) {
  return {.host = options.host,
          .port = options.port,
          .workers = options.parallel + options.max_queued + kSpareWorkers,
          .max_connections = options.max_connections,
          .max_head_bytes = options.max_head_bytes,
          .max_body_bytes = options.max_body_bytes,
          .max_bodies_bytes = options.max_bodies_bytes,
          .head_timeout = options.head_timeout,
          .body_timeout = options.body_timeout,
          .write_timeout = options.write_timeout,
          .idle_timeout = options.idle_timeout};
}

}  // namespace

struct Server::State {
  explicit State(ServerOptions server_options, bool loopback)
      : options(std::move(server_options)),
        api({.alias = options.alias,
             .api_keys = options.api_keys,
             .cors_origins = options.cors_origins,
             .loopback = loopback,
             .host = options.host,
             .parallel = options.parallel,
             .max_queued = options.max_queued,
             .ping_interval = options.ping_interval}) {}

  const ServerOptions options;
  Api api;
  std::unique_ptr<Transport> transport;
  std::atomic<engine::Engine*> engine{nullptr};
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() { Stop(); }

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  MOIRA_ASSIGN_OR_RETURN(const bool loopback, IsLoopbackHost(options.host));
  if (!loopback && options.api_keys.empty()) {
    return InvalidArgument("host " + options.host +
                           " can be reached from other machines: an API key is needed");
  }
  auto state = std::make_unique<State>(std::move(options), loopback);
  MOIRA_ASSIGN_OR_RETURN(state->transport,
                         Transport::Start(TransportOptionsOf(state->options), state->api));
  state->api.SetTransport(state->transport.get());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

uint16_t Server::port() const { return state_->transport->port(); }

std::string Server::url() const {
  const std::string& host = state_->options.host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port());
}

void Server::SetLoadProgress(uint64_t done, uint64_t total) {
  state_->api.SetLoadProgress(total == 0 ? 0
                                         : static_cast<double>(done) / static_cast<double>(total));
}

void Server::AttachEngine(engine::Engine* engine) {
  state_->engine = engine;
  state_->api.Attach(engine);
}

bool Server::Drain(std::chrono::milliseconds deadline) {
  state_->api.BeginDrain();
  engine::Engine* engine = state_->engine;
  const bool all_finished = engine == nullptr || engine->Drain(deadline);
  return state_->api.WaitUntilIdle(kFlushDeadline) && all_finished;
}

void Server::Stop() { state_->transport->Stop(); }

}  // namespace moira::server
