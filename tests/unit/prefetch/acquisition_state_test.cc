#include "prefetch/acquisition_state.h"

#include <gtest/gtest.h>

#include <thread>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"
#include "tests/unit/prefetch/gated_mover.h"

namespace moira::prefetch {
namespace {

using Delivery = Acquisition::Delivery;

// Layer ordinal 0: records 0-7, ordinal 1: 8-15, one layout class.
class AcquisitionStateTest : public testing::Test {
 protected:
  void Start(uint64_t slots) {
    const std::vector<uint64_t> by_class = {slots};
    pool_ = std::move(cache::ExpertPool::Create(*index_, by_class, "lru", *device_)).value();
    queue_ = std::make_unique<TransferQueue>(mover_, pool_->slots(), 1);
    ledger_ = std::make_unique<CopyLedger>(*index_, *pool_, *queue_);
    state_ = std::make_unique<AcquisitionState>(*index_, *pool_, *ledger_, board_);
  }

  cache::RecordFiles records_{{8, 8}, {0, 0}, 10};
  Result<cache::RecordIndex> index_ =
      cache::RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  GatedMover mover_;
  StatsBoard board_;
  std::unique_ptr<cache::ExpertPool> pool_;
  std::unique_ptr<TransferQueue> queue_;
  std::unique_ptr<CopyLedger> ledger_;
  std::unique_ptr<AcquisitionState> state_;
};

TEST_F(AcquisitionStateTest, FailedPredictionIsFetchedOnceMore) {
  Start(4);
  mover_.FailOnce(3, IoError("bad sector"));
  ASSERT_TRUE(ledger_->StartSpeculative(3, 0.9));
  mover_.AwaitCalls(1);
  state_->Begin(0, std::vector<uint32_t>{3});
  mover_.Open();
  const std::span<Delivery> group = state_->Next();
  ASSERT_EQ(group.size(), 1u);
  EXPECT_TRUE(group[0].status.ok()) << group[0].status.message();
  EXPECT_FALSE(group[0].hit);
  EXPECT_NE(group[0].lease.data(), nullptr);
  const ProviderStats stats = ledger_->stats();
  EXPECT_EQ(stats.speculative_late, 1u);
  EXPECT_EQ(stats.fetch_failures, 1u);
  EXPECT_EQ(stats.fetches, 1u);
}

TEST_F(AcquisitionStateTest, FailureOfTheSecondTryIsDelivered) {
  Start(4);
  mover_.Fail(3, IoError("bad sector"));
  ASSERT_TRUE(ledger_->StartSpeculative(3, 0.9));
  mover_.AwaitCalls(1);
  state_->Begin(0, std::vector<uint32_t>{3});
  mover_.Open();
  const std::span<Delivery> group = state_->Next();
  ASSERT_EQ(group.size(), 1u);
  EXPECT_EQ(group[0].status.message(), "bad sector");
  EXPECT_TRUE(state_->Next().empty());
}

TEST_F(AcquisitionStateTest, WrongPredictionsOfTheLayerAreTakenBack) {
  Start(6);
  for (cache::RecordId record : {0u, 1u, 9u}) {
    ASSERT_TRUE(ledger_->StartSpeculative(record, 0.9));
    mover_.AwaitCalls(1);
  }
  state_->Begin(0, std::vector<uint32_t>{3});
  EXPECT_EQ(ledger_->Look(0), Presence::kInFlight) << "being moved";
  EXPECT_EQ(ledger_->Look(1), Presence::kAbsent);
  EXPECT_EQ(ledger_->Look(9), Presence::kInFlight) << "for the next layer";
  mover_.Open();
  EXPECT_EQ(state_->Next()[0].expert, 3u);
}

TEST_F(AcquisitionStateTest, GroupIsUntouchedByWhatLandsMeanwhile) {
  Start(4);
  mover_.Allow(1);
  state_->Begin(0, std::vector<uint32_t>{0, 1, 2});
  // Next must find the first copy landed: a thread that waits works on the next one itself, and
  // that is not allowed to end yet.
  while (queue_->load().transfers > 2) std::this_thread::yield();
  const std::span<Delivery> group = state_->Next();
  ASSERT_EQ(group.size(), 1u);
  const std::byte* data = group[0].lease.data();
  mover_.Open();
  mover_.AwaitCalls(3);
  state_->Collect();
  EXPECT_EQ(group[0].expert, 0u);
  EXPECT_EQ(group[0].lease.data(), data);
  size_t rest = 0;
  for (auto next = state_->Next(); !next.empty(); next = state_->Next()) rest += next.size();
  EXPECT_EQ(rest, 2u);
}

TEST_F(AcquisitionStateTest, CountersAreOnTheBoardWhenItEnds) {
  Start(4);
  mover_.Open();
  state_->Begin(1, std::vector<uint32_t>{5, 6});
  EXPECT_TRUE(state_->active());
  while (!state_->Next().empty()) {
  }
  state_->End();
  EXPECT_FALSE(state_->active());
  EXPECT_EQ(board_.Read().misses, 2u);
  EXPECT_EQ(board_.Read().fetched_bytes, 2 * index_->record_bytes(8));
  EXPECT_EQ(board_.Read().resident, 2u);
}

}  // namespace
}  // namespace moira::prefetch
