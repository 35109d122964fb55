#include "server/cli/plan_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace moira::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

engine::PlacementPlan Plan() {
  engine::PlacementPlan plan;
  plan.lines = {{"dense weights", "device", 1 << 20}, {"routed experts, cold", "file", 3 << 20}};
  plan.device_bytes = 1 << 20;
  plan.file_bytes = 3 << 20;
  plan.device_limit = 7 << 20;
  plan.device_reserve = 1 << 20;
  plan.expert_slots = 3;
  plan.expert_count = 8;
  plan.residency = 0.375;
  plan.speed.hardware = "a card";
  plan.speed.source = "a data sheet";
  plan.speed.rates = {360e9, 24e9, 38e9, 44e9, 3e9, 0.7, 3e-3};
  plan.speed.low_hit_rate = 0.375;
  plan.speed.high_hit_rate = 0.91;
  plan.speed.high_hit_rate_from = "Some-MoE";
  plan.speed.ranges = {{engine::MissPath::kFetch, 20, 40},
                       {engine::MissPath::kHost, 30, 50},
                       {engine::MissPath::kBoth, 35, 55}};
  plan.speed.chosen = 2;
  plan.speed.all_resident = 94;
  plan.warnings = {"mind the gap"};
  return plan;
}

TEST(PlanTable, ShowsLinesAndLimits) {
  const std::string table = PlanTable(Plan());
  EXPECT_THAT(table, HasSubstr("dense weights                    device       1.00 MiB\n"));
  EXPECT_THAT(table, HasSubstr("1.00 MiB planned, 7.00 MiB may be used (1.00 MiB more are free"));
  EXPECT_THAT(table, HasSubstr("3 of 8 (37.5 % of their bytes)"));
  engine::PlacementPlan explicit_limit = Plan();
  explicit_limit.device_reserve = 0;
  EXPECT_THAT(PlanTable(explicit_limit), Not(HasSubstr("more are free")));
}

TEST(SpeedTable, ShowsEachPathAndWhatItFollowsFrom) {
  engine::PlacementPlan plan = Plan();
  const std::string table = SpeedTable(plan);
  EXPECT_THAT(table, HasSubstr("a card\n  a data sheet\n"));
  EXPECT_THAT(table, HasSubstr("device 360.0 GB/s x 0.70, link 24.0 GB/s"));
  EXPECT_THAT(table, HasSubstr("misses by fetch      20.0 to 40.0\n"));
  EXPECT_THAT(table, HasSubstr("misses by both       35.0 to 55.0  <- with these flags\n"));
  EXPECT_THAT(table, HasSubstr("0.91 with the favourites of Some-MoE"));
  EXPECT_THAT(table, HasSubstr("warning: mind the gap\n"));
  plan.speed.rates.link = engine::MachineRates::kUnlimited;
  EXPECT_THAT(SpeedTable(plan), HasSubstr("link free"));
}

TEST(PlanJson, HoldsAllOfIt) {
  const auto json = nlohmann::json::parse(PlanJson(Plan()));
  EXPECT_EQ(json["fits"], true);
  EXPECT_EQ(json["lines"][1]["where"], "file");
  EXPECT_EQ(json["expected_tokens_per_second"], 35);
  EXPECT_EQ(json["expected_tokens_per_second_high"], 55);
  const auto& speed = json["speed"];
  EXPECT_EQ(speed["tokens_per_second"]["host"]["high"], 50);
  EXPECT_EQ(speed["hit_rate"]["high_from"], "Some-MoE");
  EXPECT_EQ(speed["joint_bandwidth"], 44e9);
  EXPECT_EQ(speed["miss_service"], "both");
  EXPECT_EQ(json["warnings"][0], "mind the gap");
}

TEST(PlanJson, OfWhatDoesNotFitHasNoSpeed) {
  engine::PlacementPlan plan = Plan();
  plan.fits = ResourceExhausted("too large");
  plan.speed = {};
  const auto json = nlohmann::json::parse(PlanJson(plan));
  EXPECT_EQ(json["fits"], false);
  EXPECT_EQ(json["error"], "too large");
  EXPECT_FALSE(json.contains("speed"));
  EXPECT_EQ(json["lines"].size(), 2u);
}

}  // namespace
}  // namespace moira::server
