#include "engine/penalties.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace moira::engine {
namespace {

TEST(Penalties, AreInactiveByDefault) {
  EXPECT_FALSE(Penalties(SamplingOptions{}).active());
  SamplingOptions no_window;
  no_window.presence_penalty = 1;
  no_window.penalty_window = 0;
  EXPECT_FALSE(Penalties(no_window).active());
}

TEST(Penalties, MatchADirectComputation) {
  constexpr size_t kVocabulary = 12;
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    SamplingOptions options;
    options.penalty_window = 1 + random() % 20;
    options.repetition_penalty = 1.3f;
    options.frequency_penalty = 0.25f;
    options.presence_penalty = -0.5f;
    options.logit_bias = {{2, 3.5f}, {7, -1.0f}};
    Penalties penalties(options);
    std::vector<TokenId> history;
    for (size_t i = random() % 60; i > 0; --i) {
      history.push_back(static_cast<TokenId>(random() % kVocabulary));
      penalties.Accept(history.back());
    }
    std::vector<float> logits(kVocabulary);
    for (float& logit : logits) logit = static_cast<float>(random() % 100) / 10 - 5;
    std::vector<float> expected = logits;
    expected[2] += 3.5f;
    expected[7] -= 1.0f;
    const size_t window = std::min<size_t>(history.size(), options.penalty_window);
    for (size_t token = 0; token < kVocabulary; ++token) {
      const auto count = std::count(history.end() - static_cast<ptrdiff_t>(window), history.end(),
                                    static_cast<TokenId>(token));
      if (count == 0) continue;
      float& logit = expected[token];
      logit = logit > 0 ? logit / 1.3f : logit * 1.3f;
      logit -= static_cast<float>(count) * 0.25f - 0.5f;
    }
    ASSERT_TRUE(penalties.active());
    penalties.Apply(logits);
    for (size_t i = 0; i < kVocabulary; ++i) EXPECT_FLOAT_EQ(logits[i], expected[i]);
  }
}

TEST(Penalties, ABiasOfMinusHundredBans) {
  SamplingOptions options;
  options.logit_bias = {{1, -100.0f}, {2, -99.0f}};
  std::vector<float> logits = {0, 500, 500};
  Penalties(options).Apply(logits);
  EXPECT_EQ(logits[1], -INFINITY);
  EXPECT_EQ(logits[2], 401);
}

}  // namespace
}  // namespace moira::engine
