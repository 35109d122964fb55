#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "cache/policy.h"

namespace moira::cache {
namespace {

const auto kAll = [](RecordId) { return true; };

TEST(PolicyDecayedTest, OneOffNewcomersReplaceEachOther) {
  const auto policy = CreateDecayedPolicy(10);
  for (RecordId hot : {0u, 1u}) {
    policy->OnInserted(hot, 0);
    for (uint64_t now = 0; now < 8; ++now) policy->OnAsked(hot, now);
  }
  policy->OnInserted(2, 8);
  policy->OnAsked(2, 8);
  for (RecordId newcomer = 3; newcomer < 10; ++newcomer) {
    const std::optional<RecordId> victim = policy->ChooseVictim({newcomer, true, 1}, 9, kAll);
    ASSERT_EQ(victim, newcomer - 1) << "a hot record was displaced";
    policy->OnRemoved(*victim);
    policy->OnInserted(newcomer, 9);
    policy->OnAsked(newcomer, 9);
  }
}

TEST(PolicyDecayedTest, PredictionNeedsMoreHeatThanItsVictim) {
  const auto policy = CreateDecayedPolicy(3);
  policy->OnInserted(0, 0);
  policy->OnAsked(0, 0);
  EXPECT_EQ(policy->ChooseVictim({1, false, 0.9}, 0, kAll), std::nullopt);
  EXPECT_EQ(policy->ChooseVictim({1, false, 0.9}, 16, kAll), 0u) << "half of its heat is gone";
  policy->OnAsked(1, 0);
  EXPECT_EQ(policy->ChooseVictim({1, false, 0.1}, 0, kAll), 0u) << "its own heat counts";
}

TEST(PolicyDecayedTest, HeatIsForgottenByHalves) {
  const auto policy = CreateDecayedPolicy(3);
  policy->OnInserted(0, 0);
  policy->OnInserted(1, 0);
  for (int i = 0; i < 3; ++i) policy->OnAsked(0, 0);
  policy->OnAsked(1, 32);
  // 3 asks, two half-lives ago, are worth 0.75.
  EXPECT_EQ(policy->ChooseVictim({2, true, 1}, 32, kAll), 0u);
  policy->OnAsked(0, 32);
  EXPECT_EQ(policy->ChooseVictim({2, true, 1}, 32, kAll), 1u);
}

TEST(PolicyDecayedTest, BehavesAsASumOverAllAsks) {
  constexpr RecordId kRecords = 12;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto policy = CreateDecayedPolicy(kRecords);
    std::vector<std::vector<uint64_t>> asks(kRecords);
    std::set<RecordId> resident;
    uint64_t now = 0;
    const auto heat = [&](RecordId record) {
      double sum = 0;
      for (uint64_t when : asks[record]) sum += std::exp2(-static_cast<double>(now - when) / 16);
      return sum;
    };
    for (int step = 0; step < 1500; ++step) {
      now += random() % 4;
      const RecordId record = random() % kRecords;
      switch (random() % 3) {
        case 0:
          policy->OnAsked(record, now);
          asks[record].push_back(now);
          break;
        case 1:
          if (resident.insert(record).second) policy->OnInserted(record, now);
          break;
        default:
          if (resident.erase(record) != 0) policy->OnRemoved(record);
      }
      const Newcomer newcomer{record, random() % 2 == 0, 0.25};
      const uint32_t mask = random();
      const auto evictable = [&](RecordId r) { return (mask >> r & 1) != 0; };
      double coldest = INFINITY;
      for (RecordId r : resident) {
        if (evictable(r)) coldest = std::min(coldest, heat(r));
      }
      const double worth = newcomer.required ? INFINITY : heat(record) + newcomer.odds;
      const auto victim = policy->ChooseVictim(newcomer, now, evictable);
      // Equal sums may round apart.
      constexpr double kRounding = 1e-9;
      if (victim) {
        ASSERT_TRUE(resident.contains(*victim) && evictable(*victim));
        ASSERT_LE(heat(*victim), coldest + kRounding);
        ASSERT_LT(heat(*victim), worth + kRounding);
      } else {
        ASSERT_TRUE(coldest == INFINITY || coldest >= worth - kRounding);
      }
    }
  }
}

}  // namespace
}  // namespace moira::cache
