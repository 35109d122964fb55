#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "server/http/transport.h"

namespace moira::server {

// What GET /metrics shows: counters and histograms that the server itself fills, and a snapshot of
// the engine's and the transport's own counters at the time of asking. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // `route` is one of the route table's paths, or "none".
  void CountRequest(std::string_view route, int http_status);
  void CountSequence(std::string_view finish_reason);
  // Times of one request.
  void ObserveFirstToken(std::chrono::duration<double> time);
  void ObserveInterToken(std::chrono::duration<double> time);
  void ObserveRequest(std::chrono::duration<double> time);
  void ObserveEngineTimes(const engine::RequestTimings& timings);

  struct Snapshot {
    std::string model;                            // label of all
    const engine::EngineStats* engine = nullptr;  // null while loading
    TransportStats transport;
    bool ready = false;
    double load_progress = 0;  // 0..1
  };
  // Prometheus' text format 0.0.4.
  std::string Render(const Snapshot& snapshot) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moira::server
