#include "prefetch/speculator.h"

#include <gtest/gtest.h>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"
#include "tests/unit/prefetch/gated_mover.h"

namespace moira::prefetch {
namespace {

using cache::RecordId;

// Layer ordinal 0: records 0-7, ordinal 1: 8-15, one layout class with 8 slots.
class SpeculatorTest : public testing::Test {
 protected:
  void Start(PrefetchMode mode) {
    const std::vector<uint64_t> slots = {8};
    pool_ = std::move(cache::ExpertPool::Create(*index_, slots, "lru", *device_)).value();
    queue_ = std::make_unique<TransferQueue>(mover_, pool_->slots(), 1);
    ledger_ = std::make_unique<CopyLedger>(*index_, *pool_, *queue_);
    speculator_ = std::make_unique<Speculator>(CreatePredictor(mode, 1, *index_), 1, *index_,
                                               *pool_, *ledger_, *queue_);
    ledger_->StartDemand(0);  // measures the copies
    LandAll();
  }
  void LandAll() {
    while (ledger_->in_flight(0) > 0) ledger_->WaitAndCollect();
  }
  uint64_t issued() const { return ledger_->stats().speculative_issued; }

  // Scores with one expert far above the others.
  static std::vector<float> Only(uint32_t expert) {
    std::vector<float> scores(8, -20);
    scores[expert] = 20;
    return scores;
  }

  // Predicts that expert for layer 1, and computes ever longer before its router speaks, until the
  // idle time is known to be enough for a copy.
  void MeasureIdleTime(uint32_t expert) {
    for (uint64_t work = 1; issued() == 0; work *= 2) {
      speculator_->OnGateScores(1, Only(expert), 1, true);
      for (volatile uint64_t i = 0; i < work;) i = i + 1;
      speculator_->OnRouted(1, {});
    }
    LandAll();
  }

  cache::RecordFiles records_{{8, 8}, {0, 0}, 10};
  Result<cache::RecordIndex> index_ =
      cache::RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  GatedMover mover_{true};
  std::unique_ptr<cache::ExpertPool> pool_;
  std::unique_ptr<TransferQueue> queue_;
  std::unique_ptr<CopyLedger> ledger_;
  std::unique_ptr<Speculator> speculator_;
};

TEST_F(SpeculatorTest, CopiesNothingBeforeItHasMeasured) {
  Start(PrefetchMode::kGate);
  speculator_->OnGateScores(1, Only(2), 1, true);
  EXPECT_EQ(issued(), 0u);
}

TEST_F(SpeculatorTest, CopiesWhatTheGatePredicts) {
  Start(PrefetchMode::kGate);
  EXPECT_TRUE(speculator_->wants_gate_scores());
  MeasureIdleTime(2);
  EXPECT_EQ(issued(), 1u);
  EXPECT_EQ(ledger_->Look(8 + 2), Presence::kResident);
  speculator_->OnGateScores(1, Only(2), 1, true);
  EXPECT_EQ(issued(), 1u) << "it is resident";
}

TEST_F(SpeculatorTest, EarlyPredictionWaitsForTheLayerBefore) {
  Start(PrefetchMode::kGate);
  MeasureIdleTime(2);
  speculator_->OnGateScores(1, Only(3), 1, false);
  EXPECT_EQ(issued(), 1u);
  speculator_->OnRouted(0, {});
  EXPECT_EQ(issued(), 2u);
  EXPECT_NE(ledger_->Look(8 + 3), Presence::kAbsent);
  speculator_->OnRouted(1, {});
  // A prediction for a layer that has spoken meanwhile is dropped.
  speculator_->OnGateScores(1, Only(4), 1, false);
  speculator_->OnRouted(1, {});
  speculator_->OnRouted(0, {});
  EXPECT_EQ(issued(), 2u);
}

TEST_F(SpeculatorTest, PredictedResidentsAreProtectedUntilTheirLayerSpeaks) {
  Start(PrefetchMode::kGate);
  for (RecordId record = 8; record < 15; ++record) ASSERT_TRUE(ledger_->StartDemand(record));
  LandAll();
  ledger_->Ask(8);  // the least recently used one but for record 0
  for (RecordId record : {9u, 10u, 11u, 12u, 13u, 14u, 8u}) ledger_->Ask(record);
  speculator_->OnGateScores(0, Only(0), 1, true);
  ASSERT_TRUE(ledger_->StartDemand(1));
  EXPECT_EQ(ledger_->Look(0), Presence::kResident);
  EXPECT_EQ(ledger_->Look(9), Presence::kAbsent);
}

TEST_F(SpeculatorTest, StopsWhereItDoesNotPay) {
  Start(PrefetchMode::kGate);
  MeasureIdleTime(2);
  // Each copy is evicted unasked by the next demands.
  for (int round = 0; speculator_->wants_gate_scores() && round < 100'000; ++round) {
    pool_->AdvanceTime();
    for (uint32_t expert = 0; expert < 8; ++expert) {
      speculator_->OnGateScores(1, Only(expert), 1, true);
    }
    LandAll();
    speculator_->OnRouted(1, {});
    pool_->UnprotectLayer(1);
    for (RecordId record = 0; record < 8; ++record) {
      if (ledger_->Look(record) == Presence::kAbsent) ledger_->StartDemand(record);
      LandAll();
    }
    speculator_->OnPass();
  }
  EXPECT_FALSE(speculator_->wants_gate_scores());
  EXPECT_EQ(ledger_->stats().speculative_used, 0u);
  const uint64_t before = issued();
  speculator_->OnGateScores(1, Only(5), 1, true);
  EXPECT_EQ(issued(), before);
}

TEST_F(SpeculatorTest, PreviousPredictsTheNextLayerByItself) {
  Start(PrefetchMode::kPrevious);
  EXPECT_FALSE(speculator_->wants_gate_scores());
  for (uint64_t work = 1; issued() == 0; work *= 2) {
    speculator_->OnRouted(0, {});
    for (volatile uint64_t i = 0; i < work;) i = i + 1;
    speculator_->OnRouted(1, std::vector<uint32_t>{6});
  }
  LandAll();
  EXPECT_EQ(ledger_->Look(8 + 6), Presence::kResident);
}

}  // namespace
}  // namespace moira::prefetch
