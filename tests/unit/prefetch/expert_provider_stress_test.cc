// An engine that asks for random experts, with predictions that are mostly right, over every kind
// of device, budget, policy and predictor, with faults: whatever happens in between, each lease
// shows the record's own bytes, and the counters add up.
#include <algorithm>
#include <random>
#include <string>

#include "tests/unit/prefetch/provider_fixture.h"

namespace moira::prefetch {
namespace {

using cache::RecordFiles;

struct Scenario {
  std::string name;
  bool unified;
  double percent;
  std::string policy;
  PrefetchMode mode;
  uint64_t arena_bytes;
  std::string faults;
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

class SimulatedEngine {
 public:
  SimulatedEngine(ExpertProvider& provider, const RecordFiles& records, uint32_t seed)
      : provider_(provider), records_(records), random_(seed) {
    for (const cache::LayerRecords& layer : records.layers()) popular_.push_back(layer.experts / 2);
  }

  void RunPass() {
    const size_t tokens = random_() % 8 == 0 ? 20 : 1 + random_() % 2;
    Choose(0, tokens);
    for (size_t ordinal = 0; ordinal < records_.layers().size(); ++ordinal) {
      const std::vector<uint32_t> asked = std::move(chosen_);
      if (ordinal + 1 < records_.layers().size()) Choose(ordinal + 1, tokens);
      // An engine may predict before or after it asks for its own layer.
      const bool early = random_() % 2 == 0;
      if (early) Predict(ordinal + 1, tokens);
      Acquisition acquisition = provider_.Acquire(records_.layers()[ordinal].layer, asked);
      asked_ += asked.size();
      if (!early) Predict(ordinal + 1, tokens);
      if (random_() % 16 == 0) continue;  // the step was cancelled
      const Outcome outcome = DrainAndCheck(acquisition, records_, ordinal, asked);
      failed_ += outcome.failed.size();
      hits_ += outcome.hits.size();
    }
  }

  uint64_t asked() const { return asked_; }
  uint64_t hits() const { return hits_; }
  uint64_t failed() const { return failed_; }

 private:
  // Which experts the tokens of this pass will use in that layer, and scores that say so, or, for
  // one token in four, something else.
  void Choose(size_t ordinal, size_t tokens) {
    const uint32_t experts = records_.layers()[ordinal].experts;
    std::set<uint32_t> chosen;
    scores_.assign(tokens * experts, 0);
    for (size_t token = 0; token < tokens; ++token) {
      for (float& score : std::span(scores_).subspan(token * experts, experts)) {
        score = static_cast<float>(random_() % 1000) / 1000;
      }
      const bool wrong = random_() % 4 == 0;
      for (int k = 0; k < 2; ++k) {
        const uint32_t expert =
            random_() % 4 == 0 ? random_() % experts : random_() % popular_[ordinal];
        chosen.insert(expert);
        if (!wrong) scores_[token * experts + expert] += 3;
      }
    }
    chosen_.assign(chosen.begin(), chosen.end());
    std::shuffle(chosen_.begin(), chosen_.end(), random_);
  }

  void Predict(size_t ordinal, size_t tokens) {
    if (ordinal >= records_.layers().size() || !provider_.wants_predictions()) return;
    provider_.Predict(records_.layers()[ordinal].layer, scores_, tokens);
  }

  ExpertProvider& provider_;
  const RecordFiles& records_;
  std::mt19937 random_;
  std::vector<uint32_t> popular_;  // by ordinal: experts below it are asked for more
  std::vector<uint32_t> chosen_;
  std::vector<float> scores_;
  uint64_t asked_ = 0, hits_ = 0, failed_ = 0;
};

void CheckLaws(const ProviderStats& stats, const SimulatedEngine& engine) {
  EXPECT_EQ(stats.hits + stats.hits_in_flight + stats.misses, engine.asked());
  EXPECT_LE(engine.hits(), stats.hits);
  const uint64_t ended = stats.speculative_used + stats.speculative_late + stats.speculative_wasted;
  EXPECT_GE(stats.speculative_issued, ended);
  EXPECT_LE(stats.speculative_issued - ended, stats.slots) << "in flight, or resident and unasked";
  EXPECT_LE(stats.speculative_late, stats.hits_in_flight);
  EXPECT_LE(stats.resident, stats.slots);
  EXPECT_LE(stats.fetches, stats.misses + stats.speculative_late) << "one retry for a late one";
}

class ExpertProviderStress : public testing::TestWithParam<Scenario> {};

TEST_P(ExpertProviderStress, EveryLeaseShowsItsRecord) {
  const Scenario& scenario = GetParam();
  const RecordFiles records({12, 9, 16, 12, 5}, {0, 1, 0, 0, 1}, 400);
  for (uint32_t seed = 0; seed < 4; ++seed) {
    auto faults = FaultPlan::Parse(scenario.faults);
    ASSERT_TRUE(faults.ok()) << faults.status().message();
    const auto device = MakeDevice(scenario.unified, faults->get());
    ProviderOptions options = Options(scenario.percent);
    options.policy = scenario.policy;
    options.prefetch = scenario.mode;
    options.host_arena_bytes = scenario.arena_bytes;
    const auto provider = MakeProvider(options, records, *device, faults->get());
    SimulatedEngine engine(*provider, records, seed);
    for (int pass = 0; pass < 200; ++pass) {
      engine.RunPass();
      CheckLaws(provider->stats(), engine);
      if (HasFailure()) return;
    }
    if (scenario.faults.empty()) {
      EXPECT_EQ(provider->stats().fetch_failures, 0u);
      EXPECT_EQ(engine.failed(), 0u);
    } else {
      EXPECT_GT(provider->stats().fetch_failures, 0u) << "the plan was not carried out";
    }
    EXPECT_GT(provider->stats().hits, 0u);
    EXPECT_GT(provider->stats().evictions, 0u);
  }
}

constexpr char kReadFaults[] =
    "read:5-9=error,read:40-43=short,read:70=delay:1ms,read:200-260=error";
constexpr char kCopyFaults[] = "copy:3=error,copy:20-29=error,copy:31=delay:1ms,read:30-33=short";
constexpr uint64_t kSomeArena = 20 * 4096;

INSTANTIATE_TEST_SUITE_P(
    All, ExpertProviderStress,
    testing::Values(
        Scenario{"unified_gate", true, 50, "decayed", PrefetchMode::kGate, 0, ""},
        Scenario{"unified_lru", true, 25, "lru", PrefetchMode::kAutomatic, 0, ""},
        Scenario{"unified_smallest", true, 0, "decayed", PrefetchMode::kGate, 0, ""},
        Scenario{"unified_previous", true, 50, "lru", PrefetchMode::kPrevious, 0, ""},
        Scenario{"unified_frequency", true, 50, "decayed", PrefetchMode::kFrequency, 0, ""},
        Scenario{"unified_off", true, 75, "decayed", PrefetchMode::kOff, 0, ""},
        Scenario{"unified_faults", true, 50, "decayed", PrefetchMode::kGate, 0, kReadFaults},
        Scenario{"emulated_file", false, 50, "decayed", PrefetchMode::kGate, 0, ""},
        Scenario{"emulated_arena", false, 25, "lru", PrefetchMode::kGate, 1 << 30, ""},
        Scenario{"emulated_both_tiers", false, 50, "decayed", PrefetchMode::kPrevious, kSomeArena,
                 ""},
        Scenario{"emulated_smallest", false, 0, "lru", PrefetchMode::kFrequency, kSomeArena, ""},
        Scenario{"emulated_faults", false, 50, "decayed", PrefetchMode::kGate, 0, kCopyFaults},
        Scenario{"emulated_faults_previous", false, 25, "lru", PrefetchMode::kPrevious, 0,
                 kCopyFaults}),
    [](const testing::TestParamInfo<Scenario>& scenario) { return scenario.param.name; });

}  // namespace
}  // namespace moira::prefetch
