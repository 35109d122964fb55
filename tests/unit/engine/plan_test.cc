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
  PlacementPlan Plan() {
    auto plan = PlanPlacement(options_);
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
  EXPECT_GT(plan.expected_tokens_per_second, 0);
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

TEST_F(PlanTest, LessResidencyMakesItSlower) {
  const double half = Plan().expected_tokens_per_second;
  options_.device = DeviceKind::kEmulated;
  options_.link_bandwidth = 1e6;
  const PlacementPlan slow = Plan();
  EXPECT_LT(slow.expected_tokens_per_second, half / 10);
  EXPECT_GT(slow.host_bytes, 0u);
  EXPECT_EQ(slow.cold_bytes_per_second, 1e6);
  EXPECT_FALSE(slow.warnings.empty());
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

TEST_F(PlanTest, ErrorsAreLoadsErrors) {
  options_.device_memory = 1000;
  EXPECT_EQ(PlanPlacement(options_).status().code(), StatusCode::kResourceExhausted);
  options_.model_path += ".absent";
  EXPECT_EQ(PlanPlacement(options_).status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace moira::engine
