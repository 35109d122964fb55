#include "engine/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

namespace moira::engine {
namespace {

// Few distinct logits, so that ties are common, and some tokens that are banned.
std::vector<Candidate> RandomCandidates(std::mt19937& random, size_t count) {
  std::vector<Candidate> candidates(count);
  for (size_t i = 0; i < count; ++i) {
    const int level = static_cast<int>(random() % 40);
    candidates[i] = {level == 0 && i > 0 ? -INFINITY : static_cast<float>(level) * 0.25f,
                     static_cast<TokenId>(i)};
  }
  std::shuffle(candidates.begin(), candidates.end(), random);
  return candidates;
}

std::vector<double> Probabilities(const std::vector<Candidate>& candidates) {
  double sum = 0;
  std::vector<double> probabilities;
  for (const Candidate& candidate : candidates) {
    probabilities.push_back(std::exp(double{candidate.logit}));
    sum += probabilities.back();
  }
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

std::set<TokenId> Tokens(const std::vector<Candidate>& candidates) {
  std::set<TokenId> tokens;
  for (const Candidate& candidate : candidates) tokens.insert(candidate.token);
  return tokens;
}

// All candidates in the order of falling `score` (ties: lower id first), cut after the first one at
// which `enough(total probability, count)` holds.
std::set<TokenId> BruteForce(const std::vector<Candidate>& candidates,
                             const std::function<double(size_t)>& score,
                             const std::function<bool(double, size_t)>& enough) {
  const std::vector<double> probabilities = Probabilities(candidates);
  std::vector<size_t> order(candidates.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double score_a = score(a), score_b = score(b);
    return score_a != score_b ? score_a > score_b : candidates[a].token < candidates[b].token;
  });
  std::set<TokenId> kept;
  double total = 0;
  for (size_t i : order) {
    kept.insert(candidates[i].token);
    total += probabilities[i];
    if (enough(total, kept.size())) break;
  }
  return kept;
}

class FiltersAgainstBruteForce : public ::testing::TestWithParam<size_t> {
 protected:
  std::mt19937 random_{static_cast<unsigned>(GetParam())};
};

TEST_P(FiltersAgainstBruteForce, TopK) {
  for (uint32_t k : {1u, 2u, 7u, 63u, 200u, 5000u}) {
    auto candidates = RandomCandidates(random_, GetParam());
    const auto expected = BruteForce(
        candidates, [&](size_t i) { return candidates[i].logit; },
        [&](double, size_t count) { return count == k; });
    KeepTopK(candidates, k);
    EXPECT_EQ(Tokens(candidates), expected) << "k " << k;
  }
}

TEST_P(FiltersAgainstBruteForce, TopP) {
  // None of these is met exactly by a sum of these probabilities, so rounding does not decide.
  for (double p : {0.0, 0.0123, 0.3217, 0.7531, 0.9877, 0.99991}) {
    auto candidates = RandomCandidates(random_, GetParam());
    const auto expected = BruteForce(
        candidates, [&](size_t i) { return candidates[i].logit; },
        [&](double total, size_t) { return total >= p; });
    KeepTopP(candidates, p);
    EXPECT_EQ(Tokens(candidates), expected) << "p " << p;
  }
}

TEST_P(FiltersAgainstBruteForce, MinP) {
  for (double p : {0.001, 0.0512, 0.3, 0.999}) {
    auto candidates = RandomCandidates(random_, GetParam());
    const auto probabilities = Probabilities(candidates);
    const double largest = *std::max_element(probabilities.begin(), probabilities.end());
    std::set<TokenId> expected;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (probabilities[i] >= p * largest) expected.insert(candidates[i].token);
    }
    KeepMinP(candidates, p);
    EXPECT_EQ(Tokens(candidates), expected) << "p " << p;
  }
}

TEST_P(FiltersAgainstBruteForce, Typical) {
  for (double p : {0.0, 0.2013, 0.5077, 0.9511}) {
    auto candidates = RandomCandidates(random_, GetParam());
    // Ties of computed distances are broken by rounding in either implementation: make them rare.
    std::uniform_real_distribution<float> noise(0, 0.1f);
    for (Candidate& candidate : candidates) candidate.logit += noise(random_);
    const auto probabilities = Probabilities(candidates);
    double entropy = 0;
    for (double probability : probabilities) {
      if (probability > 0) entropy -= probability * std::log(probability);
    }
    const auto expected = BruteForce(
        candidates, [&](size_t i) { return -std::abs(-std::log(probabilities[i]) - entropy); },
        [&](double total, size_t) { return total > p; });
    KeepTypical(candidates, p);
    EXPECT_EQ(Tokens(candidates), expected) << "p " << p;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, FiltersAgainstBruteForce,
                         ::testing::Values(1, 2, 30, 64, 65, 1000, 20000));

TEST(Candidates, FiltersDoNotDependOnTheOrder) {
  std::mt19937 random(3);
  const auto original = RandomCandidates(random, 500);
  auto sorted = original;
  std::sort(sorted.begin(), sorted.end(),
            [](const Candidate& a, const Candidate& b) { return a.token > b.token; });
  for (const auto& filter : std::vector<std::function<void(std::vector<Candidate>&)>>{
           [](auto& c) { KeepTopK(c, 37); }, [](auto& c) { KeepTopP(c, 0.61); },
           [](auto& c) { KeepMinP(c, 0.13); }, [](auto& c) { KeepTypical(c, 0.47); }}) {
    auto a = original, b = sorted;
    filter(a);
    filter(b);
    EXPECT_EQ(Tokens(a), Tokens(b));
    EXPECT_LT(a.size(), original.size());
  }
}

}  // namespace
}  // namespace moira::engine
