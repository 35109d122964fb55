#include "prefetch/profit_meter.h"

#include <gtest/gtest.h>

namespace moira::prefetch {
namespace {

constexpr uint64_t kEnough = ProfitMeter::kJudgedCopies;

// Passes until speculation is on again.
uint64_t Pause(ProfitMeter& meter, const ProfitMeter::Totals& totals) {
  uint64_t passes = 0;
  while (!meter.enabled()) {
    meter.OnPass(totals);
    ++passes;
  }
  return passes;
}

TEST(ProfitMeterTest, StaysOnWhileCopiesAreUsed) {
  ProfitMeter meter;
  ProfitMeter::Totals totals;
  for (int pass = 0; pass < 100; ++pass) {
    totals.used += kEnough / 2;
    totals.wasted += kEnough / 2;
    meter.OnPass(totals);
    EXPECT_TRUE(meter.enabled());
  }
}

TEST(ProfitMeterTest, JudgesNotBeforeEnoughCopiesEnded) {
  ProfitMeter meter;
  meter.OnPass({0, 0, kEnough - 1, 0});
  EXPECT_TRUE(meter.enabled());
  meter.OnPass({0, 0, kEnough, 0});
  EXPECT_FALSE(meter.enabled());
}

TEST(ProfitMeterTest, WasteOrRegretSwitchesOff) {
  ProfitMeter wasted, regretted, late;
  wasted.OnPass({kEnough / 10, 0, kEnough, 0});
  EXPECT_FALSE(wasted.enabled());
  regretted.OnPass({kEnough, 0, 0, kEnough + 1});
  EXPECT_FALSE(regretted.enabled());
  late.OnPass({0, kEnough, 0, kEnough / 4});
  EXPECT_TRUE(late.enabled());
}

TEST(ProfitMeterTest, TriesAgainEverMoreRarely) {
  ProfitMeter meter;
  ProfitMeter::Totals totals;
  uint64_t last_pause = 0;
  for (int trial = 0; trial < 12; ++trial) {
    totals.wasted += kEnough;
    meter.OnPass(totals);
    ASSERT_FALSE(meter.enabled());
    const uint64_t pause = Pause(meter, totals);
    EXPECT_GE(pause, last_pause);
    EXPECT_GE(pause, ProfitMeter::kFirstPause);
    EXPECT_LE(pause, ProfitMeter::kLongestPause);
    last_pause = pause;
  }
  EXPECT_EQ(last_pause, ProfitMeter::kLongestPause);
  // One profitable trial, and it is trusted again.
  totals.used += kEnough;
  meter.OnPass(totals);
  EXPECT_TRUE(meter.enabled());
  totals.wasted += kEnough;
  meter.OnPass(totals);
  EXPECT_EQ(Pause(meter, totals), ProfitMeter::kFirstPause);
}

TEST(ProfitMeterTest, WhatEndsDuringAPauseIsNotJudged) {
  ProfitMeter meter;
  meter.OnPass({0, 0, kEnough, 0});
  const ProfitMeter::Totals totals = {0, 0, 10 * kEnough, 0};
  Pause(meter, totals);
  meter.OnPass(totals);
  EXPECT_TRUE(meter.enabled());
}

}  // namespace
}  // namespace moira::prefetch
