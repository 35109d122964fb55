#include "cache/expert_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"

namespace moira::cache {
namespace {

// Layer ordinal 0: records 0-5, ordinal 1: 6-9 (another class), ordinal 2: 10-15.
class ExpertPoolTest : public testing::Test {
 protected:
  std::unique_ptr<ExpertPool> MakePool(std::vector<uint64_t> slots,
                                       std::string_view policy = "lru") {
    Result<std::unique_ptr<ExpertPool>> pool = ExpertPool::Create(*index_, slots, policy, *device_);
    EXPECT_TRUE(pool.ok()) << pool.status().message();
    return std::move(pool).value();
  }
  static Newcomer Demand(RecordId record) { return {record, true, 1}; }
  static Newcomer Guess(RecordId record) { return {record, false, 0.9}; }
  static SlotId Fill(ExpertPool& pool, RecordId record) {
    const auto reservation = pool.Reserve(Demand(record));
    EXPECT_TRUE(reservation);
    EXPECT_TRUE(pool.Publish(reservation->slot).ok());
    return reservation->slot;
  }

  RecordFiles records_{{6, 4, 6}, {0, 1, 0}, 100};
  Result<RecordIndex> index_ = RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
};

TEST_F(ExpertPoolTest, SlotsAreSeparateMemoryPerClass) {
  const auto pool = MakePool({3, 2});
  EXPECT_EQ(pool->slots(), 5u);
  EXPECT_EQ(pool->slots(1), 2u);
  EXPECT_EQ(pool->slot_bytes(), 3 * index_->slot_bytes(0) + 2 * index_->slot_bytes(1));
  std::set<std::byte*> memory;
  for (RecordId record : {0u, 1u, 10u, 6u, 7u}) {
    std::byte* data = pool->data(Fill(*pool, record));
    memory.insert(data);
    std::fill_n(data, index_->slot_bytes(index_->layout_class(record)), std::byte{1});
  }
  EXPECT_EQ(memory.size(), 5u);
  EXPECT_EQ(pool->resident(), 5u);
  EXPECT_EQ(pool->evictions(), 0u);
}

TEST_F(ExpertPoolTest, RefusesTransitionsThatTheDiagramLacks) {
  const auto pool = MakePool({2, 2});
  const SlotId slot = pool->Reserve(Demand(0))->slot;
  const SlotId empty = slot == 0 ? 1 : 0;
  EXPECT_EQ(pool->state(slot), SlotState::kLoading);
  EXPECT_EQ(pool->state(empty), SlotState::kEmpty);
  for (SlotId wrong : {empty, SlotId{4}, SlotId{UINT32_MAX}}) {
    EXPECT_EQ(pool->Publish(wrong).code(), StatusCode::kInternal);
    EXPECT_EQ(pool->Abandon(wrong).code(), StatusCode::kInternal);
    EXPECT_EQ(pool->Lease(wrong).status().code(), StatusCode::kInternal);
  }
  EXPECT_EQ(pool->Lease(slot).status().code(), StatusCode::kInternal) << "Loading";
  EXPECT_FALSE(pool->Reserve(Demand(0))) << "has a slot";
  ASSERT_TRUE(pool->Publish(slot).ok());
  EXPECT_EQ(pool->Publish(slot).code(), StatusCode::kInternal) << "Ready";
  EXPECT_EQ(pool->Abandon(slot).code(), StatusCode::kInternal) << "Ready";
  EXPECT_FALSE(pool->Reserve(Demand(0)));
  EXPECT_EQ(pool->state(slot), SlotState::kReady);
  EXPECT_EQ(pool->Find(0), slot);
}

TEST_F(ExpertPoolTest, AbandonedSlotIsEmptyAgain) {
  const auto pool = MakePool({2, 2});
  const SlotId slot = pool->Reserve(Demand(0))->slot;
  ASSERT_TRUE(pool->Abandon(slot).ok());
  EXPECT_EQ(pool->state(slot), SlotState::kEmpty);
  EXPECT_EQ(pool->Find(0), std::nullopt);
  EXPECT_EQ(pool->resident(), 0u);
  EXPECT_EQ(pool->Reserve(Demand(1))->slot, slot);
}

TEST_F(ExpertPoolTest, LeasedAndLoadingSlotsAreNotEvicted) {
  const auto pool = MakePool({2, 2});
  const SlotId leased = Fill(*pool, 0);
  Result<ExpertLease> lease = pool->Lease(leased);
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(lease->data(), pool->data(leased));
  const auto loading = pool->Reserve(Demand(1));
  EXPECT_FALSE(pool->Reserve(Demand(2)));
  ASSERT_TRUE(pool->Publish(loading->slot).ok());
  const auto next = pool->Reserve(Demand(2));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->evicted, 1u);
  // A second lease, and moves of the first, count as one each.
  ExpertLease second = std::move(pool->Lease(leased)).value();
  ExpertLease moved = std::move(lease).value();
  moved = std::move(second);
  EXPECT_FALSE(pool->Reserve(Demand(3)));
  moved = ExpertLease();
  const auto last = pool->Reserve(Demand(3));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->slot, leased);
  EXPECT_EQ(last->evicted, 0u);
  EXPECT_EQ(pool->evictions(), 2u);
}

TEST_F(ExpertPoolTest, ProtectedSlotIsTheLastResortOfADemand) {
  const auto pool = MakePool({2, 2});
  Fill(*pool, 0);
  Fill(*pool, 10);
  pool->Protect(0);
  pool->AdvanceTime();
  EXPECT_EQ(pool->Reserve(Demand(1))->evicted, 10u) << "0 is older, but protected";
  EXPECT_FALSE(pool->Reserve(Guess(2)));
  EXPECT_EQ(pool->Reserve(Demand(2))->evicted, 0u);
}

TEST_F(ExpertPoolTest, ProtectionEndsWithItsLayer) {
  const auto pool = MakePool({2, 2});
  Fill(*pool, 0);
  Fill(*pool, 10);
  pool->Protect(0);
  pool->Protect(10);
  pool->AdvanceTime();
  EXPECT_FALSE(pool->Reserve(Guess(1)));
  pool->UnprotectLayer(2);
  EXPECT_EQ(pool->Reserve(Guess(1))->evicted, 10u);
}

TEST_F(ExpertPoolTest, GuessDisplacesNothingHotter) {
  const auto pool = MakePool({2, 2}, "decayed");
  for (RecordId record : {0u, 1u}) {
    Fill(*pool, record);
    for (int i = 0; i < 3; ++i) pool->OnAsked(record);
  }
  EXPECT_FALSE(pool->Reserve(Guess(2)));
  for (int i = 0; i < 3; ++i) pool->OnAsked(2);
  EXPECT_TRUE(pool->Reserve(Guess(2)));
}

TEST_F(ExpertPoolTest, RefusesWhatCannotBeAllocated) {
  const std::vector<uint64_t> huge = {uint64_t{1} << 62, 2};
  EXPECT_EQ(ExpertPool::Create(*index_, huge, "lru", *device_).status().code(),
            StatusCode::kInvalidArgument);
  const std::vector<uint64_t> one = {2};
  EXPECT_EQ(ExpertPool::Create(*index_, one, "lru", *device_).status().code(),
            StatusCode::kInternal);
}

// Random calls against a model that is a map.
TEST_F(ExpertPoolTest, KeepsItsInvariants) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto pool = MakePool({4, 2}, seed % 2 == 0 ? "lru" : "decayed");
    std::map<RecordId, SlotId> loading, ready;
    std::multimap<RecordId, ExpertLease> leases;
    for (int step = 0; step < 3000; ++step) {
      const RecordId record = random() % 16;
      const bool has_slot = loading.contains(record) || ready.contains(record);
      ASSERT_EQ(pool->Find(record).has_value(), has_slot);
      switch (random() % 6) {
        case 0: {
          const auto reservation = pool->Reserve({record, random() % 2 == 0, 0.5});
          if (!reservation) break;
          ASSERT_FALSE(has_slot);
          if (reservation->evicted) {
            ASSERT_EQ(ready.at(*reservation->evicted), reservation->slot);
            ASSERT_EQ(leases.count(*reservation->evicted), 0u);
            ASSERT_EQ(index_->layout_class(*reservation->evicted), index_->layout_class(record));
            ready.erase(*reservation->evicted);
          }
          loading[record] = reservation->slot;
          break;
        }
        case 1:
          if (!loading.contains(record)) break;
          ASSERT_TRUE(pool->Publish(loading[record]).ok());
          ready.insert(loading.extract(record));
          break;
        case 2:
          if (!loading.contains(record)) break;
          ASSERT_TRUE(pool->Abandon(loading[record]).ok());
          loading.erase(record);
          break;
        case 3:
          if (!ready.contains(record)) break;
          leases.emplace(record, std::move(pool->Lease(ready[record])).value());
          break;
        case 4:
          if (const auto lease = leases.find(record); lease != leases.end()) leases.erase(lease);
          break;
        default:
          pool->OnAsked(record);
          random() % 2 == 0 ? pool->Protect(record) : pool->UnprotectLayer(random() % 3);
          if (random() % 4 == 0) pool->AdvanceTime();
      }
      ASSERT_EQ(pool->resident(), ready.size());
    }
  }
}

}  // namespace
}  // namespace moira::cache
