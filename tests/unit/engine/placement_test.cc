#include "engine/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace moira::engine {
namespace {

using ::testing::HasSubstr;
using Kind = cache::ExpertCacheBudget::Kind;

constexpr uint64_t kMiB = 1 << 20;

class PlacementTest : public ::testing::Test {
 protected:
  PlacementTest() {
    config_.layers = 2;
    config_.model_width = 64;
    config_.heads = config_.kv_heads = 2;
    config_.key_size = config_.value_size = 32;
    config_.vocabulary = 1000;
    config_.context_length = 2048;
    config_.experts = 8;
    config_.experts_per_token = 2;
    config_.expert_width = 64;
    config_.layer = {{true, 0}, {true, 0}};
    for (uint32_t layer = 0; layer < 2; ++layer) {
      experts_.push_back({layer, config_.experts, 0, kRecordBytes, {}});
    }
    options_.parallel = 2;
    options_.prefill_chunk = 16;
    memory_ = {100 * kMiB, 64 * kMiB};
  }

  Result<Placement> Decide() {
    return DecidePlacement({options_, config_, experts_, kDenseBytes, memory_, card_});
  }
  Status Fits() { return CheckFits(options_, Decide().value()); }

  static constexpr uint64_t kRecordBytes = kMiB - 100;
  static constexpr uint64_t kDenseBytes = 3 * kMiB;
  EngineOptions options_;
  ModelConfig config_;
  std::vector<cache::LayerRecords> experts_;
  MemoryInfo memory_;
  std::optional<uint64_t> card_;
};

TEST_F(PlacementTest, HoldsAllExpertsWhenThereIsRoom) {
  const auto placement = Decide();
  ASSERT_TRUE(placement.ok()) << placement.status().message();
  EXPECT_EQ(placement->slot_count, 16u);
  EXPECT_EQ(placement->expert_count, 16u);
  EXPECT_EQ(placement->expert_bytes, 16 * kRecordBytes);
  EXPECT_EQ(placement->pool_bytes, 16 * kMiB);  // slots are whole pages
  EXPECT_DOUBLE_EQ(placement->residency(), 1);
  EXPECT_EQ(placement->context_size, 2048u);
  EXPECT_EQ(placement->kv_pages, 2u * 2048 / kKvPageTokens);
  EXPECT_EQ(placement->kv_bytes, placement->kv_pages * KvPageBytes(config_, KvType::kF16));
  EXPECT_LE(placement->device_bytes(), memory_.available * 7 / 8);
  EXPECT_EQ(placement->host_arena_bytes, 0u);
}

TEST_F(PlacementTest, AnAutomaticCacheTakesWhatIsLeft) {
  for (uint64_t available : {14, 16, 20, 22}) {
    memory_.available = available * kMiB;
    const auto placement = Decide();
    ASSERT_TRUE(placement.ok()) << placement.status().message();
    EXPECT_LT(placement->slot_count, 16u);
    EXPECT_LE(placement->device_bytes(), placement->device_limit);
    EXPECT_GT(placement->device_bytes() + kMiB, placement->device_limit) << "room for one more";
  }
}

TEST_F(PlacementTest, AnExplicitLimitGoesBeforeTheMachines) {
  options_.device_memory = 14 * kMiB;
  EXPECT_EQ(Decide()->device_limit, 14 * kMiB);
  options_.host_memory = 13 * kMiB;  // the same memory, on a unified device
  EXPECT_EQ(Decide()->device_limit, 13 * kMiB);
  options_.device = DeviceKind::kEmulated;
  EXPECT_EQ(Decide()->device_limit, 14 * kMiB);
}

TEST_F(PlacementTest, ErrorsNameTheSizes) {
  options_.device_memory = 4 * kMiB;
  options_.context_size = 2048;
  const Status status = Fits();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("dense weights 3.00 MiB"));
  EXPECT_THAT(status.message(), HasSubstr("2 x 2048 tokens"));
  EXPECT_THAT(status.message(), HasSubstr("4.00 MiB may be used"));
}

TEST_F(PlacementTest, AnExpertCacheThatDoesNotFitIsRefused) {
  options_.device_memory = 14 * kMiB;
  options_.expert_cache = {Kind::kAll};
  EXPECT_EQ(Fits().code(), StatusCode::kResourceExhausted);
  options_.expert_cache = {Kind::kPercent, 0, 25};
  EXPECT_TRUE(Fits().ok());
  const auto quarter = Decide();
  ASSERT_TRUE(quarter.ok()) << quarter.status().message();
  EXPECT_EQ(quarter->slot_count, 4u);
  EXPECT_NEAR(quarter->residency(), 0.25, 1e-9);
}

TEST_F(PlacementTest, AnEmulatedDeviceKeepsTheRestInTheHostArenaAsFarAsThereIsRoom) {
  options_.device = DeviceKind::kEmulated;
  options_.expert_cache = {Kind::kPercent, 0, 25};
  EXPECT_EQ(Decide()->host_arena_bytes, 16 * kMiB);
  options_.host_memory = 5 * kMiB;
  EXPECT_EQ(Decide()->host_arena_bytes, 5 * kMiB);
  options_.expert_cache = {Kind::kAll};
  EXPECT_EQ(Decide()->host_arena_bytes, 0u);
}

TEST_F(PlacementTest, ADenseModelHasNoExperts) {
  experts_.clear();
  config_.experts = 0;
  const auto placement = Decide();
  ASSERT_TRUE(placement.ok());
  EXPECT_EQ(placement->expert_count, 0u);
  EXPECT_EQ(placement->pool_bytes, 0u);
  EXPECT_DOUBLE_EQ(placement->residency(), 1);
}

TEST_F(PlacementTest, TheDefaultContextIsTheModelsButAtMost4096) {
  config_.context_length = 131072;
  EXPECT_EQ(Decide()->context_size, 4096u);
  options_.context_size = 100;
  EXPECT_EQ(Decide()->context_size, 100u);
}

TEST_F(PlacementTest, AnAutomaticContextShrinksUntilAllFits) {
  memory_.available = 8 * kMiB;
  const Placement shrunk = Decide().value();
  EXPECT_LT(shrunk.context_size, 2048u);
  EXPECT_GE(shrunk.context_size, 512u);
  EXPECT_TRUE(CheckFits(options_, shrunk).ok());
  options_.context_size = 2048;  // what the user says is not changed
  EXPECT_EQ(Decide()->context_size, 2048u);
  EXPECT_FALSE(Fits().ok());
}

TEST_F(PlacementTest, AnExpertCacheBelowTheSmallestPoolIsRefused) {
  for (uint64_t bytes : {uint64_t{0}, 2 * kMiB - 1}) {
    options_.expert_cache = {Kind::kBytes, bytes};
    EXPECT_THAT(Fits().message(), HasSubstr("must be at least 2.00 MiB"));
  }
  options_.expert_cache = {Kind::kBytes, 2 * kMiB};
  EXPECT_TRUE(Fits().ok());
  options_.expert_cache = {Kind::kPercent, 0, 0};
  EXPECT_TRUE(Fits().ok());
}

TEST_F(PlacementTest, ACardHasMemoryOfItsOwn) {
  options_.device = DeviceKind::kEmulated;
  card_ = 16 * kMiB;
  const Placement placement = Decide().value();
  EXPECT_EQ(placement.device_reserve, 2 * kMiB);
  EXPECT_EQ(placement.device_limit, 14 * kMiB);
  EXPECT_EQ(placement.host_arena_bytes, 16 * kMiB);
  // The card's share is not taken from the host's.
  memory_.available = 16 * kMiB;
  EXPECT_EQ(Decide()->host_arena_bytes, 14 * kMiB);
}

TEST_F(PlacementTest, SaysWhatAnAutomaticLimitLeavesFree) {
  EXPECT_EQ(Decide()->device_reserve, 8 * kMiB);
  EXPECT_EQ(Decide()->device_limit, 56 * kMiB);
  options_.device_memory = 20 * kMiB;
  EXPECT_EQ(Decide()->device_reserve, 0u);
}

TEST_F(PlacementTest, BoundsTheRowsOfAllLogits) {
  EXPECT_EQ(Decide()->prefill_tokens_all_logits, options_.prefill_chunk);
  config_.vocabulary = 4 * kMiB;  // 16 MiB a row
  memory_.available = 1000 * kMiB;
  EXPECT_EQ(Decide()->prefill_tokens_all_logits, 4u);
}

TEST_F(PlacementTest, AnAbsurdContextIsAnError) {
  options_.context_size = 1 << 24;
  options_.parallel = 16;
  config_.layers = 100000;
  config_.kv_heads = 60000;
  config_.key_size = config_.value_size = 60000;
  config_.layer.assign(config_.layers, {true, 0});
  EXPECT_EQ(Decide().status().code(), StatusCode::kResourceExhausted);
}

TEST(ValidateOptions, NamesFieldValueAndBound) {
  const auto check = [](auto set) {
    EngineOptions options;
    set(options);
    return ValidateOptions(options);
  };
  EXPECT_TRUE(check([](auto&) {}).ok());
  EXPECT_THAT(check([](auto& o) { o.parallel = 17; }).message(),
              HasSubstr("parallel is 17, must be between 1 and 16"));
  EXPECT_FALSE(check([](auto& o) { o.parallel = 0; }).ok());
  EXPECT_FALSE(check([](auto& o) { o.prefill_chunk = 0; }).ok());
  EXPECT_FALSE(check([](auto& o) { o.threads = 1000; }).ok());
  EXPECT_EQ(check([](auto& o) { o.miss_service = MissService::kHost; }).code(),
            StatusCode::kUnsupported);
  EXPECT_TRUE(check([](auto& o) { o.link_bandwidth = -1; }).ok());  // not used by the CPU
  for (double bad : {0.0, -1.0, double{INFINITY}, double{NAN}}) {
    EXPECT_FALSE(check([&](auto& o) {
                   o.device = DeviceKind::kEmulated;
                   o.link_bandwidth = bad;
                 }).ok());
    EXPECT_EQ(check([&](auto& o) {
                o.device = DeviceKind::kEmulated;
                o.link_latency = bad;
              }).ok(),
              bad == 0.0);
  }
}

}  // namespace
}  // namespace moira::engine
