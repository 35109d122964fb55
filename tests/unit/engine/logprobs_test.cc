#include "engine/logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace moira::engine {
namespace {

TEST(WithLogprob, MatchesASortedSoftmax) {
  std::mt19937 random(11);
  std::vector<float> logits(3000);
  for (float& logit : logits) logit = static_cast<float>(random() % 500) / 20;  // ties occur
  double sum = 0;
  for (float logit : logits) sum += std::exp(double{logit});
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  for (uint32_t count : {0u, 1u, 5u, kMaxAlternatives}) {
    const GeneratedToken described = WithLogprob(17, logits, count);
    EXPECT_EQ(described.token, 17);
    EXPECT_NEAR(*described.logprob, std::log(std::exp(double{logits[17]}) / sum), 1e-5);
    ASSERT_EQ(described.alternatives.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(described.alternatives[i].token, order[i]);
      EXPECT_NEAR(described.alternatives[i].logprob,
                  logits[static_cast<size_t>(order[i])] - std::log(sum), 1e-5);
    }
  }
}

TEST(WithLogprob, StandsLargeLogitsAndSmallVocabularies) {
  const std::vector<float> logits = {3e38f, 1e38f};
  const GeneratedToken described = WithLogprob(0, logits, 5);
  EXPECT_FLOAT_EQ(*described.logprob, 0);
  EXPECT_EQ(described.alternatives.size(), 2u);
}

}  // namespace
}  // namespace moira::engine
