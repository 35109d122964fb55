#include "prefetch/record_mover.h"

#include <gtest/gtest.h>

#include "cache/device/host_device.h"
#include "tests/unit/cache/record_files.h"

namespace moira::prefetch {
namespace {

struct Tier {
  bool unified;
  uint64_t arena_bytes;
};

class RecordMoverTest : public testing::TestWithParam<Tier> {
 protected:
  std::unique_ptr<RecordMover> Make(FaultPlan* faults) {
    device_ = GetParam().unified ? CreateHostDevice(std::nullopt, faults)
                                 : CreateHostDevice(EmulatedLink{8e9, 0}, faults);
    store_ = std::move(cache::ExpertStore::Create(*index_, records_.files(), *device_,
                                                  GetParam().arena_bytes, faults, {}))
                 .value();
    return std::move(CreateRecordMover(*index_, *store_, *device_, 2)).value();
  }

  cache::RecordFiles records_{{3, 2}, {0, 1}};
  Result<cache::RecordIndex> index_ =
      cache::RecordIndex::Create(records_.layers(), records_.files());
  std::unique_ptr<Device> device_;
  std::unique_ptr<cache::ExpertStore> store_;
};

TEST_P(RecordMoverTest, MovesWholeRecordsAndPieces) {
  const auto mover = Make(nullptr);
  for (cache::RecordId record = 0; record < index_->records(); ++record) {
    for (uint64_t piece : {index_->record_bytes(record), uint64_t{1000}, uint64_t{4096}}) {
      std::vector<std::byte> slot(index_->record_bytes(record) + 1, std::byte{0x5C});
      for (uint64_t offset = 0; offset + 1 < slot.size(); offset += piece) {
        const uint64_t bytes = std::min<uint64_t>(piece, slot.size() - 1 - offset);
        ASSERT_TRUE(mover->Move(record, offset, bytes, slot.data(), record % 2).ok());
      }
      EXPECT_TRUE(records_.Holds(slot.data(), index_->ordinal(record), index_->key(record).expert));
      EXPECT_EQ(slot.back(), std::byte{0x5C}) << "wrote behind the record";
    }
  }
}

TEST_P(RecordMoverTest, FailedCopyIsReported) {
  // A record has 3 parts, each of which is one read.
  auto faults = FaultPlan::Parse(GetParam().unified ? "read:4=error" : "copy:2=error");
  ASSERT_TRUE(faults.ok());
  const auto mover = Make(faults->get());
  std::vector<std::byte> slot(index_->record_bytes(0));
  EXPECT_TRUE(mover->Move(0, 0, slot.size(), slot.data(), 0).ok());
  EXPECT_EQ(mover->Move(0, 0, slot.size(), slot.data(), 0).code(), StatusCode::kIoError);
  EXPECT_TRUE(mover->Move(0, 0, slot.size(), slot.data(), 0).ok());
}

INSTANTIATE_TEST_SUITE_P(Tiers, RecordMoverTest,
                         testing::Values(Tier{true, 0}, Tier{false, 0}, Tier{false, 3 * 8192},
                                         Tier{false, 1 << 30}));

}  // namespace
}  // namespace moira::prefetch
