#include "server/api/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>
#include <vector>

namespace moira::server {
namespace {

using engine::EngineStats;
using prometheus::Histogram;
using prometheus::MetricType;

// One figure of a snapshot.
template <typename Stats>
struct Row {
  const char* name;
  const char* help;
  MetricType type;
  double (*value)(const Stats&);
};

constexpr MetricType kCounter = MetricType::Counter;
constexpr MetricType kGauge = MetricType::Gauge;

#define MOIRA_ROW(name, help, type, expression)                                     \
  {                                                                                 \
    name, help, type, [](const auto& s) { return static_cast<double>(expression); } \
  }

double KvUsage(const EngineStats& stats) {
  if (stats.kv_pages == 0) return 0;
  return static_cast<double>(stats.kv_pages_in_use) / static_cast<double>(stats.kv_pages);
}

constexpr Row<EngineStats> kEngineRows[] = {
    MOIRA_ROW("moira_sequences_submitted_total", "Sequences that the engine took", kCounter,
              s.requests_submitted),
    MOIRA_ROW("moira_sequences_finished_total", "Sequences that came to their end", kCounter,
              s.requests_finished),
    MOIRA_ROW("moira_sequences_failed_total", "Sequences that an error ended", kCounter,
              s.requests_failed),
    MOIRA_ROW("moira_sequences_cancelled_total", "Sequences that the client gave up", kCounter,
              s.requests_cancelled),
    MOIRA_ROW("moira_sequences_refused_total", "Sequences that found no place", kCounter,
              s.requests_refused),
    MOIRA_ROW("moira_sequences_running", "Sequences in the batch", kGauge, s.running),
    MOIRA_ROW("moira_sequences_waiting", "Sequences in the queue", kGauge, s.waiting),
    MOIRA_ROW("moira_prompt_tokens_total", "Tokens of prompts", kCounter, s.prompt_tokens),
    MOIRA_ROW("moira_cached_prompt_tokens_total", "Prompt tokens found in the prefix cache",
              kCounter, s.cached_prompt_tokens),
    MOIRA_ROW("moira_generated_tokens_total", "Tokens generated", kCounter, s.generated_tokens),
    MOIRA_ROW("moira_steps_total", "Steps of the engine", kCounter, s.steps),
    MOIRA_ROW("moira_prefill_seconds_total", "Time of steps with prompt tokens", kCounter,
              s.prefill_seconds),
    MOIRA_ROW("moira_decode_seconds_total", "Time of steps without prompt tokens", kCounter,
              s.decode_seconds),
    MOIRA_ROW("moira_dense_read_bytes_total", "Weights read, routed experts left out", kCounter,
              s.dense_bytes_read),
    MOIRA_ROW("moira_expert_used_bytes_total", "Routed experts' weights computed with", kCounter,
              s.expert_bytes_used),
    MOIRA_ROW("moira_kv_pages", "KV pages in all", kGauge, s.kv_pages),
    MOIRA_ROW("moira_kv_pages_in_use", "KV pages of running sequences", kGauge, s.kv_pages_in_use),
    MOIRA_ROW("moira_kv_pages_cached", "KV pages kept for prefixes", kGauge, s.kv_pages_cached),
    MOIRA_ROW("moira_kv_usage_ratio", "Share of KV pages in use", kGauge, KvUsage(s)),
    MOIRA_ROW("moira_kv_prefix_hits_total", "KV pages found by their content", kCounter,
              s.kv_prefix_hits),
    MOIRA_ROW("moira_expert_hits_total", "Experts asked for and resident", kCounter,
              s.experts.hits),
    MOIRA_ROW("moira_expert_hits_in_flight_total",
              "Experts asked for while a speculative copy was on its way", kCounter,
              s.experts.hits_in_flight),
    MOIRA_ROW("moira_expert_misses_total", "Experts asked for and neither resident nor on the way",
              kCounter, s.experts.misses),
    MOIRA_ROW("moira_expert_fetches_total", "Demand copies", kCounter, s.experts.fetches),
    MOIRA_ROW("moira_expert_fetched_bytes_total", "Bytes of demand copies", kCounter,
              s.experts.fetched_bytes),
    MOIRA_ROW("moira_expert_fetch_failures_total", "Copies that failed", kCounter,
              s.experts.fetch_failures),
    MOIRA_ROW("moira_expert_evictions_total", "Records that gave up their slot", kCounter,
              s.experts.evictions),
    MOIRA_ROW("moira_speculative_issued_total", "Copies that predictions started", kCounter,
              s.experts.speculative_issued),
    MOIRA_ROW("moira_speculative_used_total", "Speculative copies that were asked for in time",
              kCounter, s.experts.speculative_used),
    MOIRA_ROW("moira_speculative_late_total", "Speculative copies asked for before they had landed",
              kCounter, s.experts.speculative_late),
    MOIRA_ROW("moira_speculative_wasted_total", "Speculative copies that nobody asked for",
              kCounter, s.experts.speculative_wasted),
    MOIRA_ROW("moira_speculative_bytes_total", "Bytes of speculative copies", kCounter,
              s.experts.speculative_bytes),
    MOIRA_ROW("moira_acquire_wait_seconds_total", "Time the engine stood waiting for experts",
              kCounter, s.experts.acquire_wait_seconds),
    MOIRA_ROW("moira_expert_slots", "Slots of the expert pool", kGauge, s.experts.slots),
    MOIRA_ROW("moira_expert_slot_bytes", "Bytes of the slots", kGauge, s.experts.slot_bytes),
    MOIRA_ROW("moira_experts_resident", "Experts in slots", kGauge, s.experts.resident),
    MOIRA_ROW("moira_experts", "Routed experts of the model", kGauge, s.experts.experts),
    MOIRA_ROW("moira_expert_bytes", "Bytes of all routed experts", kGauge, s.experts.expert_bytes),
    // The three figures that gateways and autoscalers look for, under the names they know.
    MOIRA_ROW("vllm:num_requests_running", "As moira_sequences_running", kGauge, s.running),
    MOIRA_ROW("vllm:num_requests_waiting", "As moira_sequences_waiting", kGauge, s.waiting),
    MOIRA_ROW("vllm:kv_cache_usage_perc", "As moira_kv_usage_ratio", kGauge, KvUsage(s)),
};

constexpr Row<Metrics::Snapshot> kServerRows[] = {
    MOIRA_ROW("moira_ready", "1 when requests are served", kGauge, s.ready ? 1 : 0),
    MOIRA_ROW("moira_load_progress_ratio", "Share of the model that is loaded", kGauge,
              s.load_progress),
    MOIRA_ROW("moira_connections_open", "TCP connections", kGauge, s.transport.connections_open),
    MOIRA_ROW("moira_connections_accepted_total", "TCP connections accepted", kCounter,
              s.transport.connections_accepted),
    MOIRA_ROW("moira_connections_evicted_total", "Incomplete connections closed to make room",
              kCounter, s.transport.connections_evicted),
    MOIRA_ROW("moira_connections_timed_out_total", "Requests that did not arrive in time", kCounter,
              s.transport.connections_timed_out),
    MOIRA_ROW("moira_connections_refused_total", "Connections for which there was no room",
              kCounter, s.transport.connections_refused),
};

#undef MOIRA_ROW

// Seconds. The GenAI conventions of OpenTelemetry, extended upward: a prefill on a small machine
// takes longer than theirs.
const Histogram::BucketBoundaries kFirstTokenBuckets = {
    0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160};
const Histogram::BucketBoundaries kInterTokenBuckets = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5};
const Histogram::BucketBoundaries kDurationBuckets = {0.01,  0.02,  0.04,   0.08,   0.16,  0.32,
                                                      0.64,  1.28,  2.56,   5.12,   10.24, 20.48,
                                                      40.96, 81.92, 163.84, 327.68, 655.36};

template <typename Stats>
void AddRow(const Row<Stats>& row, const Stats& stats, std::vector<prometheus::MetricFamily>& out) {
  prometheus::MetricFamily family{row.name, row.help, row.type, {}};
  prometheus::ClientMetric metric;
  (row.type == kCounter ? metric.counter.value : metric.gauge.value) = row.value(stats);
  family.metric.push_back(std::move(metric));
  out.push_back(std::move(family));
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("moira_http_requests_total")
                                                          .Help("Requests by route and HTTP status")
                                                          .Register(registry);
  prometheus::Family<prometheus::Counter>& sequences =
      prometheus::BuildCounter()
          .Name("moira_choices_total")
          .Help("Choices answered, by finish reason")
          .Register(registry);
  Histogram& first_token = Add("moira_time_to_first_token_seconds",
                               "From the request to its first token", kFirstTokenBuckets);
  Histogram& inter_token = Add("moira_inter_token_latency_seconds",
                               "From one token of a choice to the next", kInterTokenBuckets);
  Histogram& request =
      Add("moira_request_duration_seconds", "From the request to its last byte", kDurationBuckets);
  Histogram& queue =
      Add("moira_request_queue_seconds", "Time of a sequence in the queue", kDurationBuckets);
  Histogram& prefill = Add("moira_request_prefill_seconds",
                           "Time from a sequence's start to its first token", kDurationBuckets);
  Histogram& decode = Add("moira_request_decode_seconds",
                          "Time from a sequence's first token to its last", kDurationBuckets);

  Histogram& Add(const char* name, const char* help, const Histogram::BucketBoundaries& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(std::string_view route, int http_status) {
  state_->requests.Add({{"route", std::string(route)}, {"status", std::to_string(http_status)}})
      .Increment();
}

void Metrics::CountSequence(std::string_view finish_reason) {
  state_->sequences.Add({{"finish_reason", std::string(finish_reason)}}).Increment();
}

void Metrics::ObserveFirstToken(std::chrono::duration<double> time) {
  state_->first_token.Observe(time.count());
}

void Metrics::ObserveInterToken(std::chrono::duration<double> time) {
  state_->inter_token.Observe(time.count());
}

void Metrics::ObserveRequest(std::chrono::duration<double> time) {
  state_->request.Observe(time.count());
}

void Metrics::ObserveEngineTimes(const engine::RequestTimings& timings) {
  state_->queue.Observe(timings.queue_seconds);
  state_->prefill.Observe(timings.prefill_seconds);
  state_->decode.Observe(timings.decode_seconds);
}

std::string Metrics::Render(const Snapshot& snapshot) const {
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  for (const auto& row : kServerRows) AddRow(row, snapshot, families);
  if (snapshot.engine != nullptr) {
    for (const auto& row : kEngineRows) AddRow(row, *snapshot.engine, families);
  }
  for (prometheus::MetricFamily& family : families) {
    for (prometheus::ClientMetric& metric : family.metric) {
      metric.label.push_back({"model_name", snapshot.model});
    }
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

}  // namespace moira::server
