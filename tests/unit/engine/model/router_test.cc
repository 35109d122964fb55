#include "engine/model/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace moira::engine {
namespace {

using ::testing::ElementsAre;

struct Routed {
  std::vector<uint32_t> experts;
  std::vector<float> weights;
};

Routed Route(const ModelConfig& config, const std::vector<float>& logits,
             const std::vector<float>& bias = {}) {
  Routed routed = {std::vector<uint32_t>(config.experts_per_token),
                   std::vector<float>(config.experts_per_token)};
  Router(config).Route(logits.data(), bias.empty() ? nullptr : bias.data(), routed.experts.data(),
                       routed.weights.data());
  return routed;
}

ModelConfig Config(uint32_t experts, uint32_t chosen) {
  ModelConfig config;
  config.experts = experts;
  config.experts_per_token = chosen;
  return config;
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(RouterTest, SoftmaxOverAllExpertsWeighsTheChosen) {
  const Routed routed = Route(Config(4, 2), {0, 2, 1, -1});
  const double sum = std::exp(0) + std::exp(2) + std::exp(1) + std::exp(-1);
  EXPECT_THAT(routed.experts, ElementsAre(1, 2));
  EXPECT_NEAR(routed.weights[0], std::exp(2) / sum, 1e-6);
  EXPECT_NEAR(routed.weights[1], std::exp(1) / sum, 1e-6);
}

TEST(RouterTest, NormalizedWeightsSumToTheScale) {
  ModelConfig config = Config(4, 2);
  config.normalize_expert_weights = true;
  config.expert_weights_scale = 2.5f;
  const Routed routed = Route(config, {0, 2, 1, -1});
  EXPECT_NEAR(routed.weights[0], 2.5 * Sigmoid(1), 1e-6);
  EXPECT_NEAR(routed.weights[1], 2.5 * Sigmoid(-1), 1e-6);
}

TEST(RouterTest, ATinySumIsNotDividedBy) {
  ModelConfig config = Config(3, 1);
  config.gating = Gating::kSigmoid;
  config.normalize_expert_weights = true;
  const Routed routed = Route(config, {-20, -30, -40});
  EXPECT_NEAR(routed.weights[0] / (Sigmoid(-20) / 6.103515625e-5), 1, 1e-5);
}

TEST(RouterTest, TheSelectionBiasChoosesButDoesNotWeigh) {
  ModelConfig config = Config(4, 2);
  config.gating = Gating::kSigmoid;
  const Routed routed = Route(config, {3, 2, 1, 0}, {0, 0, 0, 0.5f});
  EXPECT_THAT(routed.experts, ElementsAre(3, 0));  // 1.0 and 0.953
  EXPECT_NEAR(routed.weights[0], 0.5, 1e-6);
  EXPECT_NEAR(routed.weights[1], Sigmoid(3), 1e-6);
}

TEST(RouterTest, SoftmaxOfTheChosenLeavesTheOthersOut) {
  ModelConfig config = Config(4, 2);
  config.gating = Gating::kSoftmaxOfChosen;
  const Routed routed = Route(config, {100, 2, 101, -1});
  EXPECT_THAT(routed.experts, ElementsAre(2, 0));
  EXPECT_NEAR(routed.weights[0], Sigmoid(1), 1e-6);
  EXPECT_NEAR(routed.weights[1], Sigmoid(-1), 1e-6);
}

TEST(RouterTest, SqrtSoftplusScoresGrowWithTheLogit) {
  ModelConfig config = Config(3, 3);
  config.gating = Gating::kSqrtSoftplus;
  const Routed routed = Route(config, {0, 100, 1});
  EXPECT_THAT(routed.experts, ElementsAre(1, 2, 0));
  EXPECT_NEAR(routed.weights[0], 10, 1e-5);
  EXPECT_NEAR(routed.weights[1], std::sqrt(std::log1p(std::exp(1))), 1e-6);
  EXPECT_NEAR(routed.weights[2], std::sqrt(std::log(2)), 1e-6);
}

// Groups of 3: the sums of their two best are 5 + 0, 3 + 3 and 4 + 1.
TEST(RouterTest, GroupsCompeteByTheirTwoBest) {
  ModelConfig config = Config(9, 2);
  config.gating = Gating::kSoftmaxOfChosen;  // scores are the logits
  config.expert_groups = 3;
  config.expert_groups_used = 1;
  EXPECT_THAT(Route(config, {5, 0, 0, 3, 3, 2.5f, 4, 1, 1}).experts, ElementsAre(3, 4));
  config.expert_groups_used = 2;  // 5 + 0 and 4 + 1 are equal: the lower index wins
  EXPECT_THAT(Route(config, {5, 0, 0, 3, 3, 2.5f, 4, 1, 1}).experts, ElementsAre(0, 3));
  config.expert_groups_used = 3;
  EXPECT_THAT(Route(config, {5, 0, 0, 3, 3, 2.5f, 4, 1, 1}).experts, ElementsAre(0, 6));
}

TEST(RouterTest, EqualScoresGoToTheLowerIndex) {
  EXPECT_THAT(Route(Config(5, 3), {1, 2, 2, 2, 2}).experts, ElementsAre(1, 2, 3));
}

TEST(RouterTest, NonsenseStillRoutesToDistinctExperts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& logits :
       {std::vector<float>{nan, nan, nan, nan}, {infinity, infinity, 0, nan}}) {
    std::vector<uint32_t> experts = Route(Config(4, 3), logits).experts;
    std::sort(experts.begin(), experts.end());
    EXPECT_EQ(std::unique(experts.begin(), experts.end()), experts.end());
    EXPECT_LT(experts.back(), 4u);
  }
}

TEST(RouterTest, AgreesWithFullSortingOnRandomLogits) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 200; ++i) {
    const uint32_t count = 1 + random() % 64;
    std::vector<float> logits(count);
    for (float& logit : logits) logit = std::round(normal(random) * 4) / 4;  // ties are frequent
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
    order.resize(1 + random() % count);
    EXPECT_EQ(Route(Config(count, static_cast<uint32_t>(order.size())), logits).experts, order);
  }
}

}  // namespace
}  // namespace moira::engine
