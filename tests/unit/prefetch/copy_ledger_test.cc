#include "prefetch/copy_ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"
#include "tests/unit/prefetch/gated_mover.h"

namespace moira::prefetch {
namespace {

using cache::RecordId;

// Layer ordinal 0: records 0-7, ordinal 1: 8-15, one layout class.
class CopyLedgerTest : public testing::Test {
 protected:
  void Start(uint64_t slots, unsigned workers = 1) {
    const std::vector<uint64_t> by_class = {slots};
    pool_ = std::move(cache::ExpertPool::Create(*index_, by_class, "lru", *device_)).value();
    queue_ = std::make_unique<TransferQueue>(mover_, pool_->slots(), workers);
    ledger_ = std::make_unique<CopyLedger>(*index_, *pool_, *queue_);
  }
  void LandAll() {
    while (ledger_->in_flight(0) > 0) ledger_->WaitAndCollect();
  }

  cache::RecordFiles records_{{8, 8}, {0, 0}, 10};
  Result<cache::RecordIndex> index_ =
      cache::RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  GatedMover mover_;
  std::unique_ptr<cache::ExpertPool> pool_;
  std::unique_ptr<TransferQueue> queue_;
  std::unique_ptr<CopyLedger> ledger_;
};

TEST_F(CopyLedgerTest, PredictionInTimeIsUsedOnce) {
  Start(4);
  mover_.Open();
  ASSERT_TRUE(ledger_->StartSpeculative(3, 0.9));
  EXPECT_EQ(ledger_->Look(3), Presence::kInFlight);
  LandAll();
  EXPECT_EQ(ledger_->Ask(3), Presence::kResident);
  EXPECT_EQ(ledger_->Ask(3), Presence::kResident);
  const ProviderStats stats = ledger_->stats();
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.speculative_issued, 1u);
  EXPECT_EQ(stats.speculative_used, 1u);
  EXPECT_EQ(stats.speculative_bytes, index_->record_bytes(3));
  EXPECT_EQ(stats.fetched_bytes, 0u);
}

TEST_F(CopyLedgerTest, PredictionStillOnItsWayIsLate) {
  Start(4);
  ASSERT_TRUE(ledger_->StartSpeculative(0, 0.9));
  mover_.AwaitCalls(1);
  ASSERT_TRUE(ledger_->StartSpeculative(1, 0.9));
  EXPECT_EQ(ledger_->speculative_in_flight(), 2u);
  EXPECT_EQ(ledger_->Ask(1), Presence::kInFlight) << "not started, and now a demand";
  EXPECT_EQ(ledger_->Ask(0), Presence::kInFlight);
  EXPECT_EQ(ledger_->speculative_in_flight(), 0u);
  mover_.Open();
  LandAll();
  EXPECT_EQ(ledger_->Ask(0), Presence::kResident);
  const ProviderStats stats = ledger_->stats();
  EXPECT_EQ(stats.hits_in_flight, 2u);
  EXPECT_EQ(stats.speculative_late, 2u);
  EXPECT_EQ(stats.speculative_used, 0u);
  EXPECT_EQ(stats.speculative_wasted, 0u);
}

TEST_F(CopyLedgerTest, AskingForAPredictionPutsItFirst) {
  Start(6);
  for (RecordId record : {0u, 1u, 2u}) {
    ASSERT_TRUE(ledger_->StartSpeculative(record, 0.9));
    mover_.AwaitCalls(1);
  }
  ledger_->Ask(2);
  mover_.Open();
  LandAll();
  EXPECT_EQ(mover_.calls(), (std::vector<GatedMover::Call>{{0, 0}, {2, 0}, {1, 0}}));
}

TEST_F(CopyLedgerTest, StalePredictionsOfALayerAreTakenBack) {
  Start(6);
  for (RecordId record : {0u, 1u, 9u, 2u}) {
    ASSERT_TRUE(ledger_->StartSpeculative(record, 0.9));
    if (record == 0) mover_.AwaitCalls(1);
  }
  ledger_->Ask(1);
  ledger_->CancelSpeculative(0);
  EXPECT_EQ(ledger_->Look(0), Presence::kInFlight) << "being moved";
  EXPECT_EQ(ledger_->Look(1), Presence::kInFlight) << "asked for";
  EXPECT_EQ(ledger_->Look(2), Presence::kAbsent);
  EXPECT_EQ(ledger_->Look(9), Presence::kInFlight) << "another layer's";
  EXPECT_EQ(ledger_->stats().speculative_wasted, 1u);
  mover_.Open();
}

TEST_F(CopyLedgerTest, DemandTakesTheSlotOfAPredictionThatHasNotStarted) {
  Start(3);
  mover_.Allow(1);
  ASSERT_TRUE(ledger_->StartDemand(0));
  LandAll();
  Result<cache::ExpertLease> lease = pool_->Lease(*pool_->Find(0));
  ASSERT_TRUE(ledger_->StartSpeculative(8, 0.9));
  mover_.AwaitCalls(2);
  ASSERT_TRUE(ledger_->StartSpeculative(9, 0.9));
  EXPECT_TRUE(ledger_->StartDemand(1));
  EXPECT_EQ(ledger_->Look(9), Presence::kAbsent);
  EXPECT_FALSE(ledger_->StartDemand(2)) << "8 is being moved, 1 is a demand, 0 is leased";
  EXPECT_EQ(ledger_->stats().speculative_wasted, 1u);
  mover_.Open();
}

TEST_F(CopyLedgerTest, EvictingForAPredictionCanBeRegretted) {
  Start(2);
  mover_.Open();
  for (RecordId record : {0u, 1u}) {
    ledger_->Ask(record);
    ledger_->StartDemand(record);
  }
  LandAll();
  pool_->AdvanceTime();
  ASSERT_TRUE(ledger_->StartSpeculative(8, 0.9));
  LandAll();
  EXPECT_EQ(ledger_->regretted(), 0u);
  EXPECT_EQ(ledger_->Ask(0), Presence::kAbsent);
  EXPECT_EQ(ledger_->Ask(0), Presence::kAbsent);
  EXPECT_EQ(ledger_->regretted(), 1u) << "once for each eviction";
}

TEST_F(CopyLedgerTest, FailureSaysWhoStartedTheCopy) {
  Start(4);
  mover_.Open();
  mover_.Fail(0, IoError("bad sector"));
  mover_.Fail(1, IoError("bad sector"));
  ASSERT_TRUE(ledger_->StartDemand(0));
  ASSERT_TRUE(ledger_->StartSpeculative(1, 0.9));
  std::map<RecordId, bool> speculative;
  while (speculative.size() < 2) {
    for (const CopyLedger::Landed& landed : ledger_->WaitAndCollect()) {
      EXPECT_EQ(landed.status.message(), "bad sector");
      speculative[landed.record] = landed.speculative;
    }
  }
  EXPECT_EQ(speculative, (std::map<RecordId, bool>{{0, false}, {1, true}}));
  EXPECT_EQ(ledger_->Look(0), Presence::kAbsent);
  EXPECT_EQ(ledger_->stats().fetch_failures, 2u);
  EXPECT_EQ(ledger_->stats().speculative_wasted, 1u);
  mover_.Heal(0);
  ASSERT_TRUE(ledger_->StartDemand(0));
  LandAll();
  EXPECT_EQ(ledger_->Look(0), Presence::kResident);
}

// Speculative copies are counted, each once, as used, late or wasted, or are still to be judged.
TEST_F(CopyLedgerTest, CountersAddUp) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    mover_.Open();
    Start(2 + seed % 5, 1 + seed % 3);
    uint64_t asked = 0;
    for (int step = 0; step < 600; ++step) {
      const RecordId record = random() % 16;
      switch (random() % 6) {
        case 0:
          ledger_->StartSpeculative(record, 0.9);
          break;
        case 1:
          if (ledger_->Look(record) == Presence::kAbsent) ledger_->StartDemand(record);
          break;
        case 2:
          ledger_->Ask(record);
          ++asked;
          break;
        case 3:
          ledger_->CancelSpeculative(random() % 2);
          break;
        case 4:
          ledger_->Cancel(record);
          break;
        default:
          pool_->AdvanceTime();
          mover_.Heal(record);
          if (random() % 4 == 0) mover_.Fail(record, IoError("bad sector"));
          if (ledger_->in_flight(0) > 0) ledger_->WaitAndCollect();
      }
      const ProviderStats stats = ledger_->stats();
      ASSERT_EQ(stats.hits + stats.hits_in_flight + stats.misses, asked);
      const uint64_t judged =
          stats.speculative_used + stats.speculative_late + stats.speculative_wasted;
      ASSERT_GE(stats.speculative_issued, judged);
      ASSERT_LE(stats.speculative_issued - judged, stats.slots);
      ASSERT_LE(ledger_->speculative_in_flight(), ledger_->in_flight(0));
    }
    // Whatever is left is judged by asking for it.
    mover_.Open();
    LandAll();
    for (RecordId record = 0; record < 16; ++record) {
      if (ledger_->Look(record) == Presence::kResident) ledger_->Ask(record);
    }
    const ProviderStats stats = ledger_->stats();
    EXPECT_EQ(stats.speculative_issued,
              stats.speculative_used + stats.speculative_late + stats.speculative_wasted);
  }
}

}  // namespace
}  // namespace moira::prefetch
