#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>

namespace moira::engine {
namespace {

using ::testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TokenId SampleOnce(const SamplingOptions& options, const std::vector<float>& logits,
                   uint64_t seed = 1) {
  SamplerScratch scratch;
  const auto token = Sampler(options, seed).Sample(logits, scratch);
  EXPECT_TRUE(token.ok()) << token.status().message();
  return token.ok() ? *token : -1;
}

std::map<TokenId, int> Frequencies(const SamplingOptions& options, const std::vector<float>& logits,
                                   int draws) {
  SamplerScratch scratch;
  Sampler sampler(options, 99);
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[*sampler.Sample(logits, scratch)];
  return counts;
}

TEST(Sampler, GreedyTakesTheLargestAndOfEqualOnesTheLowestId) {
  SamplingOptions greedy;
  greedy.temperature = 0;
  EXPECT_EQ(SampleOnce(greedy, {1, 5, 3}), 1);
  EXPECT_EQ(SampleOnce(greedy, {1, 5, 3, 5, 5}), 1);
  greedy.logit_bias = {{1, -100.0f}};
  EXPECT_EQ(SampleOnce(greedy, {1, 5, 3, 5}), 3);
}

TEST(Sampler, GreedyAppliesPenaltiesToThePrompt) {
  SamplingOptions options;
  options.temperature = 0;
  options.presence_penalty = 3;
  Sampler sampler(options, 1);
  sampler.Accept(1);
  SamplerScratch scratch;
  EXPECT_EQ(*sampler.Sample(std::vector<float>{1, 5, 3}, scratch), 2);
}

TEST(Sampler, DrawsInProportionToTheSoftmaxAtTheTemperature) {
  const std::vector<float> logits = {0.1f, 1.7f, -0.5f, 1.2f, 0.8f};
  constexpr int kDraws = 40000;
  for (float temperature : {0.5f, 1.0f, 2.5f}) {
    SamplingOptions options;
    options.temperature = temperature;
    const auto counts = Frequencies(options, logits, kDraws);
    double sum = 0;
    for (float logit : logits) sum += std::exp(logit / temperature);
    for (size_t i = 0; i < logits.size(); ++i) {
      const double p = std::exp(logits[i] / temperature) / sum;
      const double six_deviations = 6 * std::sqrt(kDraws * p * (1 - p));
      const auto count = counts.find(static_cast<TokenId>(i));
      EXPECT_NEAR(count == counts.end() ? 0 : count->second, kDraws * p, six_deviations);
    }
  }
}

TEST(Sampler, EachFilterTakesPart) {
  // Probabilities 0.4, 0.3, 0.2, 0.1 (sum 1), in shuffled places.
  const std::vector<float> logits = {std::log(0.2f), std::log(0.4f), std::log(0.1f),
                                     std::log(0.3f)};
  const auto drawn = [&](auto set) {
    SamplingOptions options;
    set(options);
    std::vector<TokenId> tokens;
    for (const auto& [token, count] : Frequencies(options, logits, 2000)) tokens.push_back(token);
    return tokens;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(drawn([](SamplingOptions&) {}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(drawn([](SamplingOptions& o) { o.top_k = 2; }), ElementsAre(1, 3));
  EXPECT_THAT(drawn([](SamplingOptions& o) { o.top_p = 0.8f; }), ElementsAre(0, 1, 3));
  EXPECT_THAT(drawn([](SamplingOptions& o) { o.min_p = 0.6f; }), ElementsAre(1, 3));
  // Entropy 1.28; surprises 0.92, 1.20, 1.61, 2.30: token 3 is the most typical, then 0.
  EXPECT_THAT(drawn([](SamplingOptions& o) { o.typical_p = 0.25f; }), ElementsAre(3));
  EXPECT_THAT(drawn([](SamplingOptions& o) { o.typical_p = 0.45f; }), ElementsAre(0, 3));
}

TEST(Sampler, FiltersWorkInTheDocumentedOrder) {
  // Top-k first: top-p then sees 0.4/0.7 = 0.57 and 0.3/0.7, so one candidate suffices for 0.5 but
  // would not without top-k. And filters see probabilities before the temperature flattens them.
  const std::vector<float> logits = {std::log(0.2f), std::log(0.4f), std::log(0.1f),
                                     std::log(0.3f)};
  SamplingOptions options;
  options.top_k = 2;
  options.top_p = 0.5f;
  options.temperature = 50;
  EXPECT_EQ(Frequencies(options, logits, 500).size(), 1u);
  options.top_k = 0;
  EXPECT_EQ(Frequencies(options, logits, 500).size(), 2u);
}

TEST(Sampler, EqualSeedsGiveEqualTokens) {
  const std::vector<float> logits(1000, 0.0f);
  SamplingOptions options;
  SamplerScratch scratch, other_scratch;
  Sampler a(options, 42), b(options, 42), c(options, 43);
  int different = 0;
  for (int i = 0; i < 100; ++i) {
    const TokenId token = *a.Sample(logits, scratch);
    EXPECT_EQ(token, *b.Sample(logits, other_scratch));
    different += token != *c.Sample(logits, scratch);
  }
  EXPECT_GT(different, 90);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  SamplerScratch scratch;
  for (float temperature : {0.0f, 1.0f}) {
    SamplingOptions options;
    options.temperature = temperature;
    Sampler sampler(options, 1);
    for (float bad : {kNaN, INFINITY}) {
      for (size_t place : {0u, 1u, 2u}) {
        std::vector<float> logits = {1, 2, 3};
        logits[place] = bad;
        EXPECT_EQ(sampler.Sample(logits, scratch).status().code(), StatusCode::kInternal);
      }
    }
  }
}

TEST(Sampler, RefusesWhenTheBiasLeavesNothing) {
  SamplingOptions options;
  options.logit_bias = {{0, -100.0f}, {1, -100.0f}};
  SamplerScratch scratch;
  EXPECT_EQ(Sampler(options, 1).Sample(std::vector<float>{1, 2}, scratch).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(Sampler, NeverDrawsABannedToken) {
  SamplingOptions options;
  options.temperature = 100;
  for (TokenId banned : {0, 3}) options.logit_bias[banned] = -100;
  const auto counts = Frequencies(options, {1, 1, 1, 1}, 1000);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts.count(0) + counts.count(3), 0u);
}

TEST(ValidateSampling, NamesFieldAndBound) {
  const auto message = [](auto set) {
    SamplingOptions options;
    set(options);
    const Status status = ValidateSampling(options, 10);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_TRUE(ValidateSampling({}, 10).ok());
  EXPECT_THAT(message([](auto& o) { o.temperature = -0.1f; }), HasSubstr("temperature"));
  EXPECT_THAT(message([](auto& o) { o.temperature = kNaN; }), HasSubstr("temperature"));
  EXPECT_THAT(message([](auto& o) { o.top_p = 1.01f; }), HasSubstr("top_p"));
  EXPECT_THAT(message([](auto& o) { o.min_p = kNaN; }), HasSubstr("min_p"));
  EXPECT_THAT(message([](auto& o) { o.typical_p = -1; }), HasSubstr("typical_p"));
  EXPECT_THAT(message([](auto& o) { o.repetition_penalty = 0; }), HasSubstr("above 0"));
  EXPECT_THAT(message([](auto& o) { o.frequency_penalty = INFINITY; }), HasSubstr("frequency"));
  EXPECT_THAT(message([](auto& o) { o.presence_penalty = 101; }), HasSubstr("presence"));
  EXPECT_THAT(message([](auto& o) { o.logit_bias[10] = 1; }), HasSubstr("token 10"));
  EXPECT_THAT(message([](auto& o) { o.logit_bias[-1] = 1; }), HasSubstr("token -1"));
  EXPECT_THAT(message([](auto& o) { o.logit_bias[0] = kNaN; }), HasSubstr("logit_bias"));
}

}  // namespace
}  // namespace moira::engine
