#include "engine/expert_locality.h"

#include <gtest/gtest.h>

namespace moira::engine {
namespace {

TEST(ExpectedHitRate, HitsTheMeasuredPoints) {
  const LocalityEstimate qwen = ExpectedHitRate("qwen3moe", 128, 8, 0.25);
  EXPECT_DOUBLE_EQ(qwen.hit_rate, 0.82);
  EXPECT_EQ(qwen.measured_on, "Qwen3-30B-A3B");
  EXPECT_DOUBLE_EQ(ExpectedHitRate("gpt-oss", 32, 4, 0.375).hit_rate, 0.83);
  EXPECT_DOUBLE_EQ(ExpectedHitRate("llama", 8, 2, 0.25).hit_rate, 0.36);
}

TEST(ExpectedHitRate, TellsModelsOfOneArchitectureApart) {
  EXPECT_EQ(ExpectedHitRate("qwen2moe", 60, 4, 0.25).measured_on, "Qwen1.5-MoE-A2.7B");
  EXPECT_EQ(ExpectedHitRate("qwen2moe", 64, 8, 0.25).measured_on, "Qwen2-57B-A14B");
  EXPECT_EQ(ExpectedHitRate("olmoe", 64, 8, 0.25).measured_on, "OLMoE-1B-7B");
}

TEST(ExpectedHitRate, TakesTheMedianForAnUnknownModel) {
  const LocalityEstimate unknown = ExpectedHitRate("new", 36, 4, 0.125);
  // Of 0.63 0.65 0.46 0.47 0.45 0.30 0.30 0.28 and Mixtral's 0.18 at half of its first point.
  EXPECT_DOUBLE_EQ(unknown.hit_rate, 0.45);
  EXPECT_EQ(unknown.measured_on, "the median of nine models");
}

TEST(ExpectedHitRate, IsBoundedByWhatATokenCanFind) {
  // 28 of 36 used: 9 resident ones are at most 9 of 28 hits.
  EXPECT_DOUBLE_EQ(ExpectedHitRate("new", 36, 28, 0.25).hit_rate, 9.0 / 28);
  EXPECT_GE(ExpectedHitRate("dense", 0, 0, 1).hit_rate, 1);
}

TEST(ExpectedHitRate, RisesFromNothingToAllAndIsNeverBelowTheResidency) {
  for (const char* architecture : {"qwen3moe", "llama", "new"}) {
    const uint32_t experts = architecture[0] == 'l' ? 8 : 128;
    const uint32_t chosen = architecture[0] == 'l' ? 2 : 8;
    double before = 0;
    for (int i = 0; i <= 100; ++i) {
      const double residency = i / 100.0;
      const double rate = ExpectedHitRate(architecture, experts, chosen, residency).hit_rate;
      EXPECT_GE(rate, residency);
      EXPECT_GE(rate, before);
      before = rate;
    }
    EXPECT_DOUBLE_EQ(ExpectedHitRate(architecture, experts, chosen, 0).hit_rate, 0);
    EXPECT_DOUBLE_EQ(before, 1);
    EXPECT_DOUBLE_EQ(ExpectedHitRate(architecture, experts, chosen, 7).hit_rate, 1);
  }
}

}  // namespace
}  // namespace moira::engine
