#include "server/api/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

Metrics::Snapshot Snapshot(const engine::EngineStats* stats = nullptr, bool ready = false) {
  Metrics::Snapshot snapshot;
  snapshot.model = "m";
  snapshot.engine = stats;
  snapshot.ready = ready;
  return snapshot;
}

TEST(Metrics, ShowsCountersByRouteAndStatus) {
  Metrics metrics;
  metrics.CountRequest("/livez", 200);
  metrics.CountRequest("/livez", 200);
  metrics.CountSequence("stop");
  const std::string page = metrics.Render(Snapshot());
  EXPECT_THAT(page, HasSubstr(R"(moira_http_requests_total{route="/livez",status="200",)"
                              R"(model_name="m"} 2)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_choices_total{finish_reason="stop",model_name="m"} 1)"));
}

TEST(Metrics, TimesAreHistograms) {
  Metrics metrics;
  metrics.ObserveFirstToken(milliseconds(300));
  metrics.ObserveInterToken(milliseconds(20));
  metrics.ObserveRequest(milliseconds(5000));
  engine::RequestTimings timings;
  timings.prefill_seconds = 0.25;
  metrics.ObserveEngineTimes(timings);
  const std::string page = metrics.Render(Snapshot());
  EXPECT_THAT(page,
              HasSubstr(R"(moira_time_to_first_token_seconds_bucket{model_name="m",le="0.25"} 0)"));
  EXPECT_THAT(page,
              HasSubstr(R"(moira_time_to_first_token_seconds_bucket{model_name="m",le="0.5"} 1)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_inter_token_latency_seconds_count{model_name="m"} 1)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_request_duration_seconds_sum{model_name="m"} 5)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_request_prefill_seconds_sum{model_name="m"} 0.25)"));
}

TEST(Metrics, ShowsTheEnginesFiguresOnceThereIsOne) {
  const Metrics metrics;
  EXPECT_THAT(metrics.Render(Snapshot()), Not(HasSubstr("moira_expert_hits_total")));
  const engine::EngineStats stats = FakeEngine().stats();
  const std::string page = metrics.Render(Snapshot(&stats, true));
  EXPECT_THAT(page, HasSubstr("# TYPE moira_expert_hits_total counter"));
  EXPECT_THAT(page, HasSubstr(R"(moira_expert_hits_total{model_name="m"} 11)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_speculative_wasted_total{model_name="m"} 3)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_acquire_wait_seconds_total{model_name="m"} 1.5)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_kv_usage_ratio{model_name="m"} 0.25)"));
  EXPECT_THAT(page, HasSubstr(R"(vllm:kv_cache_usage_perc{model_name="m"} 0.25)"));
  EXPECT_THAT(page, HasSubstr(R"(moira_ready{model_name="m"} 1)"));
}

}  // namespace
}  // namespace moira::server
