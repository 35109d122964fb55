#include "prefetch/predictor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/cache/record_files.h"

namespace moira::prefetch {
namespace {

class PredictorTest : public testing::Test {
 protected:
  std::unique_ptr<Predictor> Make(PrefetchMode mode) { return CreatePredictor(mode, 2, *index_); }

  cache::RecordFiles records_{{4, 3}, {0, 0}, 10};
  Result<cache::RecordIndex> index_ =
      cache::RecordIndex::Create(records_.layers(), records_.files());
};

std::vector<float> Scores(const Prediction& prediction) {
  return {prediction.scores.begin(), prediction.scores.end()};
}

TEST_F(PredictorTest, GateHandsTheEnginesScoresOn) {
  for (PrefetchMode mode : {PrefetchMode::kAutomatic, PrefetchMode::kGate}) {
    const auto predictor = Make(mode);
    EXPECT_TRUE(predictor->wants_gate_scores());
    predictor->Observe(0, std::vector<uint32_t>{1});
    EXPECT_EQ(predictor->Predict(0, {}).tokens, 0u);
    const std::vector<float> scores = {1, 2, 3, 4};
    const Prediction prediction = predictor->Predict(0, {scores, 1, 2});
    EXPECT_EQ(Scores(prediction), scores);
    EXPECT_EQ(prediction.top_k, 2u);
  }
}

TEST_F(PredictorTest, PreviousRepeatsTheLastPassOfTheLayer) {
  const auto predictor = Make(PrefetchMode::kPrevious);
  EXPECT_FALSE(predictor->wants_gate_scores());
  EXPECT_EQ(predictor->Predict(1, {}).tokens, 0u);
  predictor->Observe(1, std::vector<uint32_t>{0, 1});
  predictor->Observe(1, std::vector<uint32_t>{2});
  predictor->Observe(0, std::vector<uint32_t>{3, 0, 1});
  const Prediction second = predictor->Predict(1, {});
  EXPECT_EQ(second.top_k, 1u);
  EXPECT_EQ(Scores(second), (std::vector<float>{-INFINITY, -INFINITY, 0}));
  const Prediction first = predictor->Predict(0, {});
  EXPECT_EQ(first.top_k, 3u);
  EXPECT_EQ(Scores(first), (std::vector<float>{0, 0, -INFINITY, 0}));
}

TEST_F(PredictorTest, FrequencyRanksByDecayedUse) {
  const auto predictor = Make(PrefetchMode::kFrequency);
  EXPECT_FALSE(predictor->wants_gate_scores());
  EXPECT_EQ(predictor->Predict(0, {}).tokens, 0u);
  for (int i = 0; i < 3; ++i) predictor->Observe(0, std::vector<uint32_t>{1});
  predictor->Observe(0, std::vector<uint32_t>{2});
  predictor->Observe(1, std::vector<uint32_t>{0});
  Prediction prediction = predictor->Predict(0, {});
  EXPECT_EQ(prediction.top_k, 2u);
  EXPECT_GT(prediction.scores[1], prediction.scores[2]);
  EXPECT_EQ(prediction.scores[0], -INFINITY);
  // 2.9 of old, halved twice, is less than one new use.
  for (int i = 0; i < 32; ++i) predictor->Observe(0, std::vector<uint32_t>{});
  predictor->Observe(0, std::vector<uint32_t>{3});
  prediction = predictor->Predict(0, {});
  EXPECT_GT(prediction.scores[3], prediction.scores[1]);
}

TEST_F(PredictorTest, OffIsNoPredictor) { EXPECT_EQ(Make(PrefetchMode::kOff), nullptr); }

TEST(PrefetchModeTest, NamesAreParsed) {
  EXPECT_EQ(*ParsePrefetchMode("auto"), PrefetchMode::kAutomatic);
  EXPECT_EQ(*ParsePrefetchMode("gate"), PrefetchMode::kGate);
  EXPECT_EQ(*ParsePrefetchMode("previous"), PrefetchMode::kPrevious);
  EXPECT_EQ(*ParsePrefetchMode("frequency"), PrefetchMode::kFrequency);
  EXPECT_EQ(*ParsePrefetchMode("off"), PrefetchMode::kOff);
  const Status status = ParsePrefetchMode("on").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("frequency"), std::string::npos);
}

}  // namespace
}  // namespace moira::prefetch
