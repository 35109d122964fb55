#include "prefetch/planner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace moira::prefetch {
namespace {

const auto kAllAbsent = [](uint32_t) { return Presence::kAbsent; };

std::vector<uint32_t> Experts(std::span<const PlannedCopy> copies) {
  std::vector<uint32_t> experts;
  for (const PlannedCopy& copy : copies) experts.push_back(copy.expert);
  return experts;
}

TEST(SpareCopiesTest, AreLayerTimeOverTransferTimeLessThoseUnderWay) {
  EXPECT_EQ(SpareCopies({1.0, 0.3, 0}), 3u);
  EXPECT_EQ(SpareCopies({1.0, 0.3, 2}), 1u);
  EXPECT_EQ(SpareCopies({1.0, 0.3, 3}), 0u);
  EXPECT_EQ(SpareCopies({1.0, 0.3, 9}), 0u) << "saturated";
  EXPECT_EQ(SpareCopies({0.2, 0.3, 0}), 0u);
  EXPECT_EQ(SpareCopies({0, 0.3, 0}), 0u) << "not measured";
  EXPECT_EQ(SpareCopies({1.0, 0, 0}), 0u) << "not measured";
  EXPECT_EQ(SpareCopies({NAN, NAN, 0}), 0u);
  EXPECT_GT(SpareCopies({1e300, 1e-300, 0}), 1000u);
}

TEST(PlannerTest, OneTokenIsOrderedByItsScores) {
  Planner planner;
  const std::vector<float> scores = {0.1f, 3, -1, 2, 1};
  EXPECT_EQ(Experts(planner.Plan({scores, 1, 2, 3}, kAllAbsent)), (std::vector<uint32_t>{1, 3, 4}));
  EXPECT_EQ(planner.predicted().size(), 2u);
  EXPECT_EQ(std::set<uint32_t>(planner.predicted().begin(), planner.predicted().end()),
            (std::set<uint32_t>{1, 3}));
}

TEST(PlannerTest, CopiesOnlyWhatIsAbsentAndKeepsWhatIsPredicted) {
  Planner planner;
  const std::vector<float> scores = {4, 3, 2.9f, 2.8f};
  const auto presence = [](uint32_t expert) {
    return expert == 0   ? Presence::kResident
           : expert == 2 ? Presence::kInFlight
                         : Presence::kAbsent;
  };
  const auto copies = planner.Plan({scores, 1, 3, 9}, presence);
  EXPECT_EQ(Experts(copies), (std::vector<uint32_t>{1, 3}));
  EXPECT_GT(copies[0].odds, copies[1].odds);
  EXPECT_EQ(planner.predicted().size(), 3u);
}

TEST(PlannerTest, NoneWithoutSpareCopiesButStillKeeps) {
  Planner planner;
  const std::vector<float> scores = {4, 3};
  EXPECT_TRUE(planner.Plan({scores, 1, 1, 0}, kAllAbsent).empty());
  EXPECT_EQ(planner.predicted().size(), 1u);
}

TEST(PlannerTest, OverfetchLeavesOutTheUnlikely) {
  Planner planner;
  const std::vector<float> scores = {10, 9.5f, 5, -50};
  EXPECT_EQ(Experts(planner.Plan({scores, 1, 1, 4}, kAllAbsent)), (std::vector<uint32_t>{0, 1}));
}

TEST(PlannerTest, ManyTokensAreOrderedByPopularityWithoutOverfetch) {
  Planner planner;
  constexpr size_t kTokens = Planner::kOverfetchTokens + 1;
  std::vector<float> scores;
  for (size_t token = 0; token < kTokens; ++token) {
    // Top-1 is 2 for most tokens, 0 for three, and 1 is always next.
    const bool other = token < 3;
    for (float score : {other ? 9.f : 0.f, 8.9f, other ? 0.f : 9.f}) scores.push_back(score);
  }
  EXPECT_EQ(Experts(planner.Plan({scores, kTokens, 1, 9}, kAllAbsent)),
            (std::vector<uint32_t>{2, 0}));
  scores.resize(Planner::kOverfetchTokens * 3);
  EXPECT_EQ(planner.Plan({scores, Planner::kOverfetchTokens, 1, 9}, kAllAbsent).size(), 3u);
}

TEST(PlannerTest, WhatIsNoPredictionIsNotCopied) {
  Planner planner;
  const std::vector<float> none = {-INFINITY, NAN, -INFINITY};
  EXPECT_TRUE(planner.Plan({none, 1, 2, 9}, kAllAbsent).empty());
  EXPECT_TRUE(planner.predicted().empty());
  const std::vector<float> some = {-INFINITY, INFINITY, NAN, 0};
  EXPECT_EQ(Experts(planner.Plan({some, 1, 3, 9}, kAllAbsent)), (std::vector<uint32_t>{1, 3}));
  EXPECT_TRUE(planner.Plan({{}, 0, 2, 9}, kAllAbsent).empty());
  EXPECT_TRUE(planner.Plan({some, 1, 0, 0}, kAllAbsent).empty());
}

// What must hold for any scores.
TEST(PlannerTest, KeepsItsPromisesOnRandomScores) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 2);
  Planner planner;
  for (int round = 0; round < 3000; ++round) {
    const uint32_t experts = 1 + random() % 40;
    const size_t tokens = 1 + random() % 24;
    const uint32_t top_k = 1 + random() % 8;
    const size_t limit = random() % 20;
    std::vector<float> scores(tokens * experts);
    for (float& score : scores) score = normal(random);
    std::vector<Presence> present(experts);
    for (Presence& p : present) p = static_cast<Presence>(random() % 3);
    const auto copies = planner.Plan({scores, tokens, top_k, limit},
                                     [&](uint32_t expert) { return present[expert]; });
    std::set<uint32_t> union_of_top_k;
    for (size_t token = 0; token < tokens; ++token) {
      const float* row = &scores[token * experts];
      for (uint32_t expert = 0; expert < experts; ++expert) {
        const auto better =
            std::count_if(row, row + experts, [&](float other) { return other > row[expert]; });
        if (better < static_cast<ptrdiff_t>(top_k)) union_of_top_k.insert(expert);
      }
    }
    EXPECT_EQ(std::set<uint32_t>(planner.predicted().begin(), planner.predicted().end()),
              union_of_top_k);
    ASSERT_LE(copies.size(), limit);
    std::set<uint32_t> planned;
    for (const PlannedCopy& copy : copies) {
      EXPECT_TRUE(planned.insert(copy.expert).second) << "twice";
      EXPECT_EQ(present[copy.expert], Presence::kAbsent);
      EXPECT_GE(copy.odds, Planner::kLeastOdds);
      EXPECT_LE(copy.odds, 1);
      if (tokens > Planner::kOverfetchTokens) {
        EXPECT_TRUE(union_of_top_k.contains(copy.expert));
      }
    }
    // Room left over means that nothing predicted was forgotten.
    if (copies.size() < limit) {
      for (uint32_t expert : union_of_top_k) {
        EXPECT_TRUE(planned.contains(expert) || present[expert] != Presence::kAbsent);
      }
    }
  }
}

}  // namespace
}  // namespace moira::prefetch
