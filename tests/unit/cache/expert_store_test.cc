#include "cache/expert_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"

namespace moira::cache {
namespace {

class ExpertStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ExpertStore>> MakeStore(
      uint64_t arena_bytes, FaultPlan* faults = nullptr,
      const std::function<bool(uint64_t, uint64_t)>& progress = {}) {
    return ExpertStore::Create(*index_, records_.files(), *device_, arena_bytes, faults, progress);
  }

  RecordFiles records_{{4, 3, 5}, {0, 1, 0}};
  Result<RecordIndex> index_ = RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_ = CreateHostDevice(EmulatedLink{}, nullptr);
};

TEST_F(ExpertStoreTest, ArenaHoldsTheFirstRecordsThatFit) {
  const uint64_t first_layer = 4 * index_->slot_bytes(0);
  const struct {
    uint64_t bytes;
    size_t records;
  } cases[] = {{0, 0},
               {index_->slot_bytes(0) - 1, 0},
               {index_->slot_bytes(0), 1},
               {first_layer + index_->slot_bytes(1) - 1, 4},
               {first_layer + index_->slot_bytes(1), 5},
               {UINT64_MAX, 12}};
  for (const auto& [bytes, count] : cases) {
    const auto store = MakeStore(bytes);
    ASSERT_TRUE(store.ok()) << store.status().message();
    EXPECT_EQ((*store)->arena_records(), count);
    for (RecordId record = 0; record < index_->records(); ++record) {
      const std::byte* data = (*store)->ArenaRecord(record);
      ASSERT_EQ(data != nullptr, record < count);
      if (data == nullptr) continue;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % kRecordAlignment, 0u);
      EXPECT_TRUE(records_.Holds(data, index_->ordinal(record), index_->key(record).expert));
    }
  }
}

TEST_F(ExpertStoreTest, ReadsAnyPieceOfARecord) {
  const auto store = MakeStore(0);
  ASSERT_TRUE(store.ok());
  std::mt19937 random(3);
  for (RecordId record = 0; record < index_->records(); ++record) {
    const uint64_t bytes = index_->record_bytes(record);
    std::vector<std::byte> whole(bytes, std::byte{0x5C});
    ASSERT_TRUE((*store)->ReadFile(record, 0, whole).ok());
    EXPECT_TRUE(records_.Holds(whole.data(), index_->ordinal(record), index_->key(record).expert));
    for (int i = 0; i < 20; ++i) {
      const uint64_t first = random() % bytes;
      std::vector<std::byte> piece(random() % (bytes - first + 1), std::byte{0x5C});
      ASSERT_TRUE((*store)->ReadFile(record, first, piece).ok());
      EXPECT_TRUE(
          std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<ptrdiff_t>(first)));
    }
  }
}

TEST_F(ExpertStoreTest, FailedReadsAreReported) {
  auto faults = FaultPlan::Parse("read:2=error,read:5=short");
  ASSERT_TRUE(faults.ok());
  EXPECT_EQ(MakeStore(UINT64_MAX, faults->get()).status().code(), StatusCode::kIoError);
  auto later = FaultPlan::Parse("read:4=error,read:7=short");
  ASSERT_TRUE(later.ok());
  const auto store = MakeStore(0, later->get());
  ASSERT_TRUE(store.ok());
  std::vector<std::byte> record(index_->record_bytes(0));
  EXPECT_TRUE((*store)->ReadFile(0, 0, record).ok());
  EXPECT_EQ((*store)->ReadFile(0, 0, record).code(), StatusCode::kIoError) << "read 4";
  EXPECT_TRUE((*store)->ReadFile(0, 0, std::span(record).first(1)).ok()) << "read 5";
  EXPECT_TRUE((*store)->ReadFile(0, 0, std::span(record).first(1)).ok()) << "read 6";
  EXPECT_EQ((*store)->ReadFile(0, 0, record).code(), StatusCode::kIoError) << "read 7";
}

TEST_F(ExpertStoreTest, ProgressEndsAtTheWholeArenaOrStops) {
  uint64_t last = 0, in_all = 0;
  ASSERT_TRUE(MakeStore(UINT64_MAX, nullptr, [&](uint64_t done, uint64_t total) {
                EXPECT_GE(done, last);
                last = done;
                in_all = total;
                return true;
              }).ok());
  EXPECT_EQ(in_all, index_->total_bytes());
  EXPECT_EQ(last, in_all);
  EXPECT_EQ(
      MakeStore(UINT64_MAX, nullptr, [](uint64_t, uint64_t) { return false; }).status().code(),
      StatusCode::kCancelled);
}

}  // namespace
}  // namespace moira::cache
