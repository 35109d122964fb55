#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "cache/device/status.h"
#include "server/http/exchange.h"

namespace moira::server {

struct TransportOptions {
  std::string host;   // numeric address, or "localhost"
  uint16_t port = 0;  // 0 = any free one
  size_t workers = 8;
  size_t max_connections = 256;
  size_t max_head_bytes = 16 << 10;
  size_t max_body_bytes = 4 << 20;
  size_t max_bodies_bytes = 32 << 20;
  std::chrono::milliseconds head_timeout{5'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{5'000};
  std::chrono::milliseconds idle_timeout{15'000};
};

struct TransportStats {
  uint64_t connections_open = 0;  // gauge
  uint64_t connections_accepted = 0;
  uint64_t connections_evicted = 0;    // incomplete, to make room
  uint64_t connections_timed_out = 0;  // in head or body
  uint64_t connections_refused = 0;    // no room, all others were being served
};

// HTTP/1.1 on TCP. One I/O thread accepts, reads whole requests under limits and deadlines, and
// watches for clients that leave; worker threads run the application and write its answers. A
// client that is slow can only lose its own connection: no worker ever waits for a request's bytes.
// Thread-safe.
class Transport {
 public:
  // Listens when it returns. `application` must live until Stop has returned.
  static Result<std::unique_ptr<Transport>> Start(const TransportOptions& options,
                                                  Application& application);
  ~Transport();  // Stop()
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  uint16_t port() const;
  TransportStats stats() const;
  // Closes the port and every connection, cancels what is handled and waits for it. Idempotent.
  void Stop();

 private:
  struct State;
  explicit Transport(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whether `host` can only be reached from this machine; kInvalidArgument when it is no address.
Result<bool> IsLoopbackHost(const std::string& host);

}  // namespace moira::server
