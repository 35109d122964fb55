#include "engine/speed_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace moira::engine {
namespace {

// The hosts and models of the published limits: GB/s of device, link, host and both; MB per token.
constexpr MachineRates Host(double device, double link, double host, double joint,
                            double overhead = 0) {
  return {device * 1e9, link * 1e9, host * 1e9, joint * 1e9, 3e9, 0.7, overhead};
}
constexpr MachineRates k3060 = Host(360, 24, 38, 44);
constexpr MachineRates k4060Laptop = Host(256, 11.8, 47.5, 50);
constexpr MachineRates k3090 = Host(936, 24, 38, 44);

struct Model {
  double dense, experts;  // MB
};
constexpr Model kQwen3{567 + 255, 1098};
constexpr Model kGptOss{687 + 615, 1272};
constexpr Model kMixtral{793, 6829};
constexpr Model kQwen15{742, 503};
constexpr Model kDeepSeek{535, 811};
constexpr Model kOlmoe{240, 488};

double Rate(const MachineRates& host, const Model& model, double hit_rate, MissPath path) {
  return TokensPerSecond(host, {model.dense * 1e6, model.experts * 1e6, hit_rate, 0}, path);
}

// Published figures are rounded to two or three digits, and so are the bytes they were made from.
void ExpectFigure(double computed, double published, const std::string& what) {
  const double rounding = published < 10 ? 0.06 : 0.6;
  EXPECT_NEAR(computed, published, rounding + published * 0.01) << what;
}

TEST(TokensPerSecond, GivesThePublishedRoofline) {
  struct Row {
    const char* name;
    const MachineRates& host;
    const Model& model;
    double hit_rate;
    double fetch, host_path, both;
  };
  const Row rows[] = {
      {"Qwen3 3060", k3060, kQwen3, 0, 19, 31, 33},
      {"Qwen3 3060", k3060, kQwen3, 0.5, 33, 50, 53},
      {"Qwen3 3060", k3060, kQwen3, 0.8, 60, 80, 83},
      {"Qwen3 3060", k3060, kQwen3, 0.95, 101, 113, 114},
      {"Qwen3 4060L", k4060Laptop, kQwen3, 0, 9.6, 36, 36},
      {"Qwen3 4060L", k4060Laptop, kQwen3, 0.9, 50, 81, 81},
      {"Qwen3 3090", k3090, kQwen3, 0.7, 60, 90, 99},
      {"Qwen3 3090", k3090, kQwen3, 0.9, 133, 177, 188},
      {"gpt-oss 3060", k3060, kGptOss, 0.5, 27, 41, 43},
      {"gpt-oss 4060L", k4060Laptop, kGptOss, 0, 8.2, 29, 29},
      {"gpt-oss 3090", k3090, kGptOss, 0.95, 152, 182, 188},
      {"Mixtral 3060", k3060, kMixtral, 0, 3.2, 5.5, 5.9},
      {"Mixtral 3060", k3060, kMixtral, 0.7, 8.7, 13, 14},
      {"Mixtral 3090", k3090, kMixtral, 0.9, 25, 35, 38},
      {"Qwen1.5 3060", k3060, kQwen15, 0.7, 89, 120, 125},
      {"Qwen1.5 4060L", k4060Laptop, kQwen15, 0.5, 35, 92, 92},
      {"DeepSeek 3060", k3060, kDeepSeek, 0.8, 83, 112, 116},
      {"DeepSeek 4060L", k4060Laptop, kDeepSeek, 0.95, 91, 123, 123},
      {"OLMoE 3060", k3060, kOlmoe, 0.5, 77, 120, 128},
      {"OLMoE 4060L", k4060Laptop, kOlmoe, 0.9, 122, 208, 208},
  };
  for (const Row& row : rows) {
    const std::string what = std::string(row.name) + " at " + std::to_string(row.hit_rate);
    ExpectFigure(Rate(row.host, row.model, row.hit_rate, MissPath::kFetch), row.fetch, what);
    ExpectFigure(Rate(row.host, row.model, row.hit_rate, MissPath::kHost), row.host_path, what);
    ExpectFigure(Rate(row.host, row.model, row.hit_rate, MissPath::kBoth), row.both, what);
  }
}

TEST(TokensPerSecond, GivesThePublishedRatesOfAllResident) {
  const std::pair<const Model*, std::vector<double>> rows[] = {
      {&kQwen3, {131, 93, 341}}, {&kGptOss, {98, 70, 255}},   {&kMixtral, {33, 0, 86}},
      {&kQwen15, {202, 144, 0}}, {&kDeepSeek, {187, 133, 0}}, {&kOlmoe, {346, 246, 0}},
  };
  const MachineRates* hosts[] = {&k3060, &k4060Laptop, &k3090};
  for (const auto& [model, figures] : rows) {
    for (size_t i = 0; i < figures.size(); ++i) {
      if (figures[i] == 0) continue;  // not published
      for (MissPath path : {MissPath::kFetch, MissPath::kHost, MissPath::kBoth}) {
        ExpectFigure(Rate(*hosts[i], *model, 1, path), figures[i], "all resident");
      }
    }
  }
}

TEST(TokensPerSecond, GivesThePublishedLimitsWithOverhead) {
  // 3 ms per token; static placement, upload of all misses, CPU misses, both. Static placement is
  // CPU misses at a hit rate that equals the residency.
  struct Row {
    const Model& model;
    double residency, hit_rate;
    double device, link, host, joint;
    double placed, fetch, host_path, both;
  };
  const Row rows[] = {
      {kQwen3, 0.125, 0.61, 360, 24, 38, 44, 31, 35, 50, 52},
      {kQwen3, 0.25, 0.81, 360, 24, 38, 44, 34, 52, 65, 67},
      {kQwen3, 0.25, 0.81, 256, 11.8, 47.5, 50, 38, 32, 59, 59},
      {kQwen3, 0.25, 0.81, 936, 24, 38, 44, 38, 68, 90, 95},
      {kGptOss, 0.25, 0.68, 360, 24, 38, 44, 29, 33, 45, 47},
      {kOlmoe, 0.25, 0.65, 256, 11.8, 47.5, 50, 79, 46, 103, 103},
      {kDeepSeek, 0.375, 0.60, 936, 24, 38, 44, 57, 54, 76, 82},
      {kQwen15, 0.25, 0.40, 360, 24, 38, 44, 61, 49, 68, 71},
      {kMixtral, 0.25, 0.37, 360, 24, 38, 44, 6.8, 4.7, 7.7, 8.3},
  };
  for (const Row& row : rows) {
    const MachineRates host = Host(row.device, row.link, row.host, row.joint, 3e-3);
    const std::string what = std::to_string(row.model.experts) + " MB of experts";
    ExpectFigure(Rate(host, row.model, row.residency, MissPath::kHost), row.placed, what);
    ExpectFigure(Rate(host, row.model, row.hit_rate, MissPath::kFetch), row.fetch, what);
    ExpectFigure(Rate(host, row.model, row.hit_rate, MissPath::kHost), row.host_path, what);
    ExpectFigure(Rate(host, row.model, row.hit_rate, MissPath::kBoth), row.both, what);
  }
}

TEST(TokensPerSecond, GivesThePublishedLimitsOfOneMemoryWithADrive) {
  // 65 % of 102 GB/s, and a drive of 3 GB/s for what is not in memory.
  MachineRates board;
  board.device = board.host = board.joint = 102e9;
  board.link = MachineRates::kUnlimited;
  board.file = 3e9;
  board.efficiency = 0.65;
  const auto rate = [&](const Model& model, double hit_rate) {
    return TokensPerSecond(board, {model.dense * 1e6, model.experts * 1e6, hit_rate, 1},
                           MissPath::kFetch);
  };
  ExpectFigure(rate(kQwen3, 0.8), 9.8, "Qwen3");
  ExpectFigure(rate(kQwen3, 0.9), 15.3, "Qwen3");
  ExpectFigure(rate(kGptOss, 0.95), 16.7, "gpt-oss");
  ExpectFigure(rate(kDeepSeek, 0.9), 21.2, "DeepSeek");
  ExpectFigure(rate(kOlmoe, 0.8), 23, "OLMoE");
}

TEST(SecondsPerToken, CountsEachPartOnce) {
  const MachineRates rates = {100, 10, 20, 25, 5, 0.5, 7};
  const TokenDemand demand = {50, 100, 0.6, 0.5};
  // 40 bytes are missed; the file brings 20 of them in 4 seconds.
  EXPECT_DOUBLE_EQ(SecondsPerToken(rates, demand, MissPath::kFetch), 150 / 50.0 + 4 + 4 + 7);
  EXPECT_DOUBLE_EQ(SecondsPerToken(rates, demand, MissPath::kHost), 110 / 50.0 + 2 + 4 + 7);
  const double on_device = (110 + 40 / 3.0) / 50.0;
  EXPECT_DOUBLE_EQ(SecondsPerToken(rates, demand, MissPath::kBoth), on_device + 40 / 25.0 + 4 + 7);
}

TEST(SecondsPerToken, IsInfiniteWhereAPathIsMissing) {
  MachineRates rates = k3060;
  rates.link = 0;
  const TokenDemand demand = {1e9, 1e9, 0.5, 0};
  EXPECT_TRUE(std::isinf(SecondsPerToken(rates, demand, MissPath::kFetch)));
  EXPECT_EQ(TokensPerSecond(rates, demand, MissPath::kFetch), 0);
  EXPECT_GT(TokensPerSecond(rates, {1e9, 1e9, 1, 0}, MissPath::kFetch), 0);  // nothing to carry
  EXPECT_GT(TokensPerSecond(rates, demand, MissPath::kHost), 0);
}

TEST(TokensPerSecond, GrowsWithEveryRateAndWithTheHitRate) {
  const TokenDemand demand = {1e9, 1e9, 0.5, 0.1};
  for (MissPath path : {MissPath::kFetch, MissPath::kHost, MissPath::kBoth}) {
    const double base = TokensPerSecond(k3060, demand, path);
    for (double MachineRates::*rate : {&MachineRates::device, &MachineRates::file}) {
      MachineRates faster = k3060;
      faster.*rate *= 2;
      EXPECT_GT(TokensPerSecond(faster, demand, path), base) << MissPathName(path);
    }
    TokenDemand more_hits = demand;
    more_hits.hit_rate = 0.6;
    EXPECT_GT(TokensPerSecond(k3060, more_hits, path), base) << MissPathName(path);
  }
}

}  // namespace
}  // namespace moira::engine
