#include "engine/model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace moira::engine {
namespace {

ModelConfig Config(uint32_t dimensions) {
  ModelConfig config;
  config.key_size = dimensions;
  config.rope_dimensions = dimensions;
  return config;
}

// The angle of each pair, from what Angles writes.
std::vector<double> PairAngles(const Rope& rope, uint32_t position) {
  std::vector<float> angles(2 * rope.pairs());
  rope.Angles(position, angles.data());
  std::vector<double> result(rope.pairs());
  for (uint32_t i = 0; i < rope.pairs(); ++i) {
    result[i] = std::atan2(angles[rope.pairs() + i], angles[i]);
  }
  return result;
}

TEST(RopeTest, PairsAreNeighboursOrHalves) {
  ModelConfig config = Config(4);
  for (const RopePairing pairing : {RopePairing::kNeighbours, RopePairing::kHalves}) {
    config.rope_pairing = pairing;
    const Rope rope(config, {});
    float angles[4];
    rope.Angles(1, angles);
    float head[4] = {1, 2, 3, 4};
    rope.Rotate(angles, head);
    const double fast = 1;
    const double slow = 0.01;  // 10000^(-2/4)
    if (pairing == RopePairing::kNeighbours) {
      EXPECT_NEAR(head[0], 1 * std::cos(fast) - 2 * std::sin(fast), 1e-6);
      EXPECT_NEAR(head[1], 1 * std::sin(fast) + 2 * std::cos(fast), 1e-6);
      EXPECT_NEAR(head[2], 3 * std::cos(slow) - 4 * std::sin(slow), 1e-6);
      EXPECT_NEAR(head[3], 3 * std::sin(slow) + 4 * std::cos(slow), 1e-6);
    } else {
      EXPECT_NEAR(head[0], 1 * std::cos(fast) - 3 * std::sin(fast), 1e-6);
      EXPECT_NEAR(head[2], 1 * std::sin(fast) + 3 * std::cos(fast), 1e-6);
      EXPECT_NEAR(head[1], 2 * std::cos(slow) - 4 * std::sin(slow), 1e-6);
      EXPECT_NEAR(head[3], 2 * std::sin(slow) + 4 * std::cos(slow), 1e-6);
    }
  }
}

TEST(RopeTest, OnlyTheLeadingDimensionsRotate) {
  ModelConfig config = Config(4);
  config.rope_dimensions = 2;
  const Rope rope(config, {});
  ASSERT_EQ(rope.pairs(), 1u);
  float angles[2];
  rope.Angles(3, angles);
  float head[4] = {1, 0, 5, 6};
  rope.Rotate(angles, head);
  EXPECT_NEAR(head[0], std::cos(3), 1e-6);
  EXPECT_EQ(head[2], 5);
  EXPECT_EQ(head[3], 6);
}

TEST(RopeTest, LinearScalingDividesThePosition) {
  ModelConfig config = Config(8);
  const Rope plain(config, {});
  config.rope_scaling = RopeScaling::kLinear;
  config.rope_scaling_factor = 4;
  const Rope scaled(config, {});
  const std::vector<double> wanted = PairAngles(plain, 2);
  const std::vector<double> found = PairAngles(scaled, 8);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-6);
}

TEST(RopeTest, DivisorsSlowTheirPairs) {
  const ModelConfig config = Config(4);
  const std::vector<float> divisors = {2, 8};
  const std::vector<double> found = PairAngles(Rope(config, divisors), 3);
  EXPECT_NEAR(found[0], 3.0 / 2, 1e-6);
  EXPECT_NEAR(found[1], 0.03 / 8, 1e-6);
}

// Context 4096, head 64, base 10000: yarn's ramp runs from pair 20 or so to pair 45; by the paper's
// formula floor(64 * ln(4096 / (32 * 2 pi)) / (2 ln 10000)) = 10 and
// ceil(64 * ln(4096 / (1 * 2 pi)) / (2 ln 10000)) = 23.
TEST(RopeTest, YarnKeepsFastPairsAndInterpolatesSlowOnes) {
  ModelConfig config = Config(64);
  config.rope_scaling = RopeScaling::kYarn;
  config.rope_scaling_factor = 8;
  config.rope_original_context = 4096;
  const std::vector<double> found = PairAngles(Rope(config, {}), 1);
  for (int i = 0; i < 32; ++i) {
    const double frequency = std::pow(10000.0, -i / 32.0);
    const double interpolated = std::min(1.0, std::max(0.0, (i - 10) / 13.0));
    const double wanted = frequency * (1 - interpolated) + frequency / 8 * interpolated;
    EXPECT_NEAR(found[i] / wanted, 1, 1e-4) << "pair " << i;
  }
}

TEST(RopeTest, TheAttentionFactorScalesCosineAndSine) {
  ModelConfig config = Config(2);
  config.rope_attention_factor = 1.5f;
  float angles[2];
  Rope(config, {}).Angles(2, angles);
  EXPECT_NEAR(angles[0], 1.5 * std::cos(2), 1e-6);
  EXPECT_NEAR(angles[1], 1.5 * std::sin(2), 1e-6);
}

}  // namespace
}  // namespace moira::engine
