#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cache/device/status.h"

namespace moira::engine {
class Engine;
}

namespace moira::server {

struct ServerOptions {
  std::string host = "127.0.0.1";  // a numeric address or "localhost"
  uint16_t port = 8411;            // 0 = any free one
  std::string alias;               // name of the model for clients; empty = its file's name
  std::vector<std::string> api_keys;
  std::vector<std::string> cors_origins;  // exact origins that browsers may call from; none = off

  // As in EngineOptions: together they say how many requests can be inside, and so how many worker
  // threads there are.
  uint32_t parallel = 4;
  uint32_t max_queued = 64;

  size_t max_connections = 256;
  size_t max_head_bytes = 16 << 10;
  size_t max_body_bytes = 4 << 20;
  size_t max_bodies_bytes = 32 << 20;  // of all bodies that are being received
  std::chrono::milliseconds head_timeout{5'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{5'000};   // a reader that takes nothing for so long goes
  std::chrono::milliseconds idle_timeout{15'000};   // of a kept-alive connection
  std::chrono::milliseconds ping_interval{15'000};  // SSE comments while nothing else is sent
};

// The HTTP server: listens from Start on, serves the model from AttachEngine on. All methods are
// thread-safe.
class Server {
 public:
  // Listens at once; /livez answers 200, everything else 503 "loading". kInvalidArgument for an
  // address that is not loopback without a key, kUnavailable for one that is in use.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options);
  ~Server();  // Stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;
  std::string url() const;  // "http://127.0.0.1:8411"

  // What /readyz reports until AttachEngine.
  void SetLoadProgress(uint64_t done, uint64_t total);
  // Call once. `engine` must live until Stop has returned.
  void AttachEngine(engine::Engine* engine);

  // Refuses new requests with 503, lets those inside finish until the deadline, cancels what is
  // left (a stream then ends with an error event). True when nothing had to be cancelled. The
  // server still answers /livez and /readyz afterwards.
  bool Drain(std::chrono::milliseconds deadline);
  // Closes every connection and joins all threads. Requests inside are cancelled. Idempotent.
  void Stop();

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moira::server
