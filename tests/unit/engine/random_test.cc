#include "engine/random.h"

#include <gtest/gtest.h>

namespace moira::engine {
namespace {

TEST(RandomStream, GivesThePublishedSequence) {
  // First outputs of SplitMix64 for this seed, as in the author's reference implementation.
  RandomStream random(1234567);
  for (const uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                  4593380528125082431u, 16408922859458223821u}) {
    EXPECT_EQ(random.NextBits(), expected);
  }
}

TEST(RandomStream, UnitValuesAreInRangeAndEven) {
  RandomStream random(7);
  constexpr int kDraws = 100000;
  int bins[10] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.NextUnit();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    ++bins[static_cast<int>(value * 10)];
  }
  // Each bin is binomial(100000, 0.1): six standard deviations are 569.
  for (int count : bins) EXPECT_NEAR(count, kDraws / 10, 569);
}

}  // namespace
}  // namespace moira::engine
