#include <gtest/gtest.h>

#include "engine/engine.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_moe.h"

namespace moira::engine {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    options_.model_path = folder_.Write("tiny.gguf", testing::TinyMoe().Bytes());
    options_.threads = 1;
    options_.expert_cache = {cache::ExpertCacheBudget::Kind::kPercent, 0, 50};
  }
  PlacementPlan Plan(const HardwareChoice& hardware = {}) {
    auto plan = PlanPlacement(options_, hardware);
    EXPECT_TRUE(plan.ok()) << plan.status().message();
    return std::move(plan).value();
  }
  static uint64_t Bytes(const PlacementPlan& plan, std::string_view what) {
    for (const PlacementPlan::Line& line : plan.lines) {
      if (line.what == what) return line.bytes;
    }
    return 0;
  }

  testing::TempFolder folder_;
  EngineOptions options_;
};

TEST_F(PlanTest, SaysWhatLoadDoes) {
  const PlacementPlan plan = Plan();
  const auto engine = Engine::Load(options_, {});
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  const EngineStats stats = (*engine)->stats();
  EXPECT_EQ(plan.expert_slots, stats.experts.slots);
  EXPECT_EQ(plan.expert_count, stats.experts.experts);
  EXPECT_NEAR(plan.residency, 0.5, 0.01);
  EXPECT_EQ(plan.context_size, (*engine)->model().context_size);
}

TEST_F(PlanTest, LinesAddUpToTheTiers) {
  const PlacementPlan plan = Plan();
  uint64_t total = 0;
  for (const PlacementPlan::Line& line : plan.lines) total += line.bytes;
  EXPECT_EQ(total, plan.device_bytes + plan.host_bytes + plan.file_bytes);
  EXPECT_EQ(plan.host_bytes, 0u);
  EXPECT_EQ(plan.file_bytes, Bytes(plan, "routed experts, cold"));
  EXPECT_GT(plan.file_bytes, 0u);
}

TEST_F(PlanTest, EstimatesTheMachineAtHand) {
  const SpeedEstimate speed = Plan().speed;
  ASSERT_EQ(speed.ranges.size(), 1u);  // one memory: a miss is fetched from the file
  EXPECT_EQ(speed.ranges[0].path, MissPath::kFetch);
  EXPECT_EQ(speed.file_share, 1);
  EXPECT_NEAR(speed.low_hit_rate, 0.5, 0.01);
  EXPECT_GT(speed.high_hit_rate, speed.low_hit_rate);
  EXPECT_GT(speed.ranges[0].low, 0);
  EXPECT_LT(speed.ranges[0].low, speed.ranges[0].high);
  EXPECT_LT(speed.ranges[0].high, speed.all_resident);
}

TEST_F(PlanTest, ASlowLinkIsWorseThanComputingOnTheHost) {
  options_.device = DeviceKind::kEmulated;
  options_.link_bandwidth = 1e6;
  options_.miss_service = MissService::kFetch;
  const PlacementPlan plan = Plan();
  ASSERT_EQ(plan.speed.ranges.size(), 3u);
  EXPECT_LT(plan.speed.ranges[0].low, plan.speed.ranges[1].low / 10);
  EXPECT_EQ(plan.speed.chosen, 0u);
  EXPECT_GT(plan.host_bytes, 0u);
  EXPECT_EQ(plan.speed.rates.link, 1e6);
  EXPECT_FALSE(plan.warnings.empty());
}

TEST_F(PlanTest, PlansForACardThatIsNotThere) {
  HardwareChoice hardware;
  hardware.profile = "rtx-3060-12gb";
  const PlacementPlan plan = Plan(hardware);
  EXPECT_EQ(plan.device_limit + plan.device_reserve, uint64_t{12} << 30);
  EXPECT_GT(plan.device_reserve, 0u);
  EXPECT_EQ(plan.file_bytes, 0u);  // nobody said that the host is small
  const SpeedEstimate& speed = plan.speed;
  ASSERT_EQ(speed.ranges.size(), 3u);
  EXPECT_EQ(speed.ranges[speed.chosen].path, MissPath::kBoth);
  TokenDemand demand;
  demand.dense_bytes = static_cast<double>(plan.dense_bytes_per_token);
  demand.expert_bytes = static_cast<double>(plan.expert_bytes_per_token);
  for (const SpeedEstimate::Range& range : speed.ranges) {
    demand.hit_rate = speed.low_hit_rate;
    EXPECT_EQ(range.low, TokensPerSecond(speed.rates, demand, range.path));
    demand.hit_rate = speed.high_hit_rate;
    EXPECT_EQ(range.high, TokensPerSecond(speed.rates, demand, range.path));
  }
}

TEST_F(PlanTest, ASmallHostLeavesExpertsInTheFile) {
  HardwareChoice hardware;
  hardware.profile = "rtx-3060-12gb";
  const double whole = Plan(hardware).speed.ranges[0].low;
  options_.host_memory = 64 << 10;
  const PlacementPlan plan = Plan(hardware);
  EXPECT_GT(plan.file_bytes, 0u);
  EXPECT_GT(plan.speed.file_share, 0);
  EXPECT_LT(plan.speed.ranges[0].low, whole);
}

TEST_F(PlanTest, WarnsOfAPoolThatHoldsLessThanOneToken) {
  const auto warned = [this](double percent) {
    options_.expert_cache = {cache::ExpertCacheBudget::Kind::kPercent, 0, percent};
    for (const std::string& warning : Plan().warnings) {
      if (warning.find("less than one token's") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(warned(0));
  EXPECT_FALSE(warned(100));
}

TEST_F(PlanTest, BytesPerTokenAreThoseOfTheFile) {
  using M = testing::TinyMoe;
  const PlacementPlan plan = Plan();
  // Three matrices of 64 x 64: 34 bytes per 32 values in Q8_0, 18 in Q4_0; two layers of each.
  const uint64_t matrix_blocks = M::kWidth * M::kExpertWidth / 32;
  EXPECT_EQ(plan.expert_bytes_per_token, 3 * matrix_blocks * (34 + 18) * 2 * M::kExpertsPerToken);
  const uint64_t embedding = uint64_t{M().vocabulary()} * M::kWidth * sizeof(float);
  EXPECT_EQ(plan.dense_bytes_per_token, Bytes(plan, "dense weights") - embedding);
}

TEST_F(PlanTest, WhatDoesNotFitIsStillShown) {
  options_.device_memory = 1000;
  const PlacementPlan plan = Plan();
  EXPECT_EQ(plan.fits.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(plan.fits.message(), Engine::Load(options_, {}).status().message());
  EXPECT_GT(plan.device_bytes, plan.device_limit);
  EXPECT_GT(Bytes(plan, "dense weights"), 0u);
  EXPECT_TRUE(plan.speed.ranges.empty());
}

TEST_F(PlanTest, OtherErrorsAreLoadsErrors) {
  options_.model_path += ".absent";
  EXPECT_EQ(PlanPlacement(options_).status().code(), StatusCode::kNotFound);
  HardwareChoice hardware;
  hardware.profile = "abacus";
  EXPECT_EQ(PlanPlacement(options_, hardware).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace moira::engine
