#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "cache/policy.h"

namespace moira::cache {
namespace {

const auto kAll = [](RecordId) { return true; };

TEST(PolicyLruTest, GivesUpWhatWasUsedLongestAgo) {
  const auto policy = CreateLruPolicy(4);
  EXPECT_EQ(policy->ChooseVictim({3, true, 1}, 1, kAll), std::nullopt);
  for (RecordId record : {0u, 1u, 2u}) policy->OnInserted(record, 1);
  policy->OnAsked(0, 2);
  EXPECT_EQ(policy->ChooseVictim({3, true, 1}, 2, kAll), 1u);
  EXPECT_EQ(policy->ChooseVictim({3, true, 1}, 2, [](RecordId r) { return r != 1; }), 2u);
  policy->OnRemoved(1);
  EXPECT_EQ(policy->ChooseVictim({3, true, 1}, 2, kAll), 2u);
}

TEST(PolicyLruTest, PredictionDisplacesNothingOfThisPass) {
  const auto policy = CreateLruPolicy(3);
  policy->OnInserted(0, 1);
  policy->OnAsked(0, 2);
  EXPECT_EQ(policy->ChooseVictim({2, false, 0.9}, 2, kAll), std::nullopt);
  EXPECT_EQ(policy->ChooseVictim({2, true, 1}, 2, kAll), 0u);
  EXPECT_EQ(policy->ChooseVictim({2, false, 0.9}, 3, kAll), 0u);
}

TEST(PolicyLruTest, BehavesAsASearchThroughTheTimes) {
  constexpr RecordId kRecords = 12;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto policy = CreateLruPolicy(kRecords);
    std::vector<uint64_t> used(kRecords), asked(kRecords, UINT64_MAX);
    std::set<RecordId> resident;
    uint64_t clock = 0, now = 1;
    for (int step = 0; step < 2000; ++step) {
      now += random() % 8 == 0;
      const RecordId record = random() % kRecords;
      switch (random() % 3) {
        case 0:
          policy->OnAsked(record, now);
          asked[record] = now;
          used[record] = ++clock;
          break;
        case 1:
          if (resident.insert(record).second) {
            policy->OnInserted(record, now);
            used[record] = ++clock;
          }
          break;
        default:
          if (resident.erase(record) != 0) policy->OnRemoved(record);
      }
      const bool required = random() % 2 == 0;
      const uint32_t mask = random();
      const auto evictable = [&](RecordId r) { return (mask >> r & 1) != 0; };
      std::optional<RecordId> expected;
      for (RecordId r : resident) {
        if (!evictable(r) || (!required && asked[r] == now)) continue;
        if (!expected || used[r] < used[*expected]) expected = r;
      }
      ASSERT_EQ(policy->ChooseVictim({record, required, 0.5}, now, evictable), expected);
    }
  }
}

}  // namespace
}  // namespace moira::cache
