#include "prefetch/expert_provider.h"

#include <algorithm>
#include <filesystem>

#include "tests/unit/prefetch/provider_fixture.h"

namespace moira::prefetch {
namespace {

using cache::RecordFiles;

Status CreateStatus(const ProviderOptions& options, const std::vector<cache::LayerRecords>& layers,
                    const RecordFiles& records, Device& device,
                    const std::function<bool(uint64_t, uint64_t)>& progress = {}) {
  return ExpertProvider::Create(options, layers, records.files(), device, nullptr, progress)
      .status();
}

TEST(ExpertProviderTest, SecondTimeIsAHit) {
  const RecordFiles records({4, 4}, {0, 0});
  for (bool unified : {true, false}) {
    const auto device = MakeDevice(unified);
    const auto provider = MakeProvider(Options(50), records, *device);
    EXPECT_EQ(provider->stats().slots, 4u);
    const std::vector<uint32_t> experts = {2, 0};
    EXPECT_EQ(AcquireAndCheck(*provider, records, 1, experts).fetched.size(), 2u);
    EXPECT_EQ(AcquireAndCheck(*provider, records, 1, experts).hits, experts);
    const ProviderStats stats = provider->stats();
    EXPECT_EQ(stats.hits, 2u);
    EXPECT_EQ(stats.misses, 2u);
    EXPECT_EQ(stats.fetches, 2u);
    EXPECT_EQ(stats.fetched_bytes, 2 * records.layers()[1].record_bytes);
    EXPECT_EQ(stats.evictions, 0u);
    EXPECT_EQ(stats.resident, 2u);
    EXPECT_EQ(stats.experts, 8u);
  }
}

TEST(ExpertProviderTest, HitsComeFirst) {
  const RecordFiles records({8}, {0});
  const auto device = MakeDevice(true);
  const auto provider = MakeProvider(Options(50), records, *device);
  AcquireAndCheck(*provider, records, 0, std::vector<uint32_t>{5, 6});
  Acquisition acquisition = provider->Acquire(1, std::vector<uint32_t>{1, 5, 2, 6});
  const auto group = acquisition.Next();
  ASSERT_GE(group.size(), 2u);
  EXPECT_EQ(group[0].expert, 5u);
  EXPECT_EQ(group[1].expert, 6u);
  EXPECT_TRUE(group[0].hit && group[1].hit);
}

TEST(ExpertProviderTest, SmallestPoolWorksThroughALayerInTurns) {
  const RecordFiles records({16, 16}, {0, 1});
  for (bool unified : {true, false}) {
    const auto device = MakeDevice(unified);
    const auto provider = MakeProvider(Options(0), records, *device);
    EXPECT_EQ(provider->stats().slots, 4u);
    for (int pass = 0; pass < 3; ++pass) {
      for (size_t ordinal : {0, 1}) {
        AcquireAndCheck(*provider, records, ordinal, AllExperts(records, ordinal));
      }
    }
    EXPECT_EQ(provider->stats().resident, 4u);
  }
}

TEST(ExpertProviderTest, ArenaAndFileDeliverTheSame) {
  const RecordFiles records({8, 8}, {0, 1});
  for (uint64_t arena_bytes : {0ull, 5ull * 8192, 1ull << 30}) {
    const auto device = MakeDevice(false);
    ProviderOptions options = Options(0);
    options.host_arena_bytes = arena_bytes;
    const auto provider = MakeProvider(options, records, *device);
    for (size_t ordinal : {0, 1}) {
      AcquireAndCheck(*provider, records, ordinal, AllExperts(records, ordinal));
    }
  }
}

TEST(ExpertProviderTest, EverythingResidentIsLoadedUpFront) {
  const RecordFiles records({4, 6}, {0, 1});
  for (bool unified : {true, false}) {
    const auto device = MakeDevice(unified);
    std::vector<uint64_t> told;
    uint64_t in_all = 0;
    ProviderOptions options = Options(100);
    options.prefetch = PrefetchMode::kGate;
    Result<std::unique_ptr<ExpertProvider>> provider =
        ExpertProvider::Create(options, records.layers(), records.files(), *device, nullptr,
                               [&](uint64_t done, uint64_t total) {
                                 told.push_back(done);
                                 in_all = total;
                                 return true;
                               });
    ASSERT_TRUE(provider.ok());
    ASSERT_FALSE(told.empty());
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_EQ(told.back(), in_all);
    EXPECT_FALSE((*provider)->wants_predictions());
    for (size_t ordinal : {0, 1}) {
      const std::vector<uint32_t> experts = AllExperts(records, ordinal);
      EXPECT_EQ(AcquireAndCheck(**provider, records, ordinal, experts).hits, experts);
    }
    EXPECT_EQ((*provider)->stats().hits, 10u);
    EXPECT_EQ((*provider)->stats().resident, 10u);
    EXPECT_EQ((*provider)->stats().misses, 0u);
  }
}

TEST(ExpertProviderTest, LoadingStopsWhenProgressSaysSo) {
  const RecordFiles records({8}, {0});
  const auto device = MakeDevice(true);
  EXPECT_EQ(CreateStatus(Options(100), records.layers(), records, *device,
                         [](uint64_t, uint64_t) { return false; })
                .code(),
            StatusCode::kCancelled);
}

TEST(ExpertProviderTest, BadRecordsAndOptionsAreRefused) {
  const RecordFiles records({4}, {0});
  const auto device = MakeDevice(true);
  ProviderOptions options = Options(50);
  options.policy = "belady";
  EXPECT_EQ(CreateStatus(options, records.layers(), records, *device).code(),
            StatusCode::kInvalidArgument);
  std::vector<cache::LayerRecords> layers = records.layers();
  layers[0].parts[0].stride = UINT64_MAX / 2;
  EXPECT_EQ(CreateStatus(Options(50), layers, records, *device).code(), StatusCode::kInvalidData);
}

TEST(ExpertProviderTest, UnknownExpertIsAnErrorOfTheDelivery) {
  const RecordFiles records({4}, {0});
  const auto device = MakeDevice(true);
  const auto provider = MakeProvider(Options(50), records, *device);
  for (auto [layer, expert] : {std::pair{0u, 0u}, {1u, 4u}, {2u, 0u}}) {
    Acquisition acquisition = provider->Acquire(layer, std::vector<uint32_t>{expert});
    const auto group = acquisition.Next();
    ASSERT_EQ(group.size(), 1u);
    EXPECT_EQ(group[0].status.code(), StatusCode::kInternal);
    EXPECT_TRUE(acquisition.Next().empty());
  }
}

TEST(ExpertProviderTest, FailedCopyIsThatDeliverysAndIsRetriedByTheNextDemand) {
  const RecordFiles records({4}, {0});
  for (bool unified : {true, false}) {
    auto faults = FaultPlan::Parse(unified ? "read:1=error" : "copy:1=error");
    ASSERT_TRUE(faults.ok());
    const auto device = MakeDevice(unified, faults->get());
    const auto provider = MakeProvider(Options(50), records, *device, faults->get());
    const std::vector<uint32_t> experts = {3};
    EXPECT_EQ(AcquireAndCheck(*provider, records, 0, experts).failed, experts);
    EXPECT_EQ(provider->stats().fetch_failures, 1u);
    EXPECT_EQ(provider->stats().resident, 0u);
    EXPECT_EQ(AcquireAndCheck(*provider, records, 0, experts).fetched, experts);
    EXPECT_EQ(AcquireAndCheck(*provider, records, 0, experts).hits, experts);
  }
}

TEST(ExpertProviderTest, FailedAllocationIsAnErrorOfCreate) {
  const RecordFiles records({4}, {0});
  auto faults = FaultPlan::Parse("allocate:1=error");
  ASSERT_TRUE(faults.ok()) << faults.status().message();
  const auto device = MakeDevice(true, faults->get());
  EXPECT_EQ(CreateStatus(Options(50), records.layers(), records, *device).code(),
            StatusCode::kResourceExhausted);
}

TEST(ExpertProviderTest, TruncatedFileIsAnErrorThatNamesIt) {
  const RecordFiles records({4}, {0});
  const auto device = MakeDevice(true);
  const auto provider = MakeProvider(Options(50), records, *device);
  std::filesystem::resize_file(records.path(0), 10);
  Acquisition acquisition = provider->Acquire(1, std::vector<uint32_t>{1, 2});
  size_t failed = 0;
  for (auto group = acquisition.Next(); !group.empty(); group = acquisition.Next()) {
    for (const Acquisition::Delivery& delivery : group) {
      EXPECT_EQ(delivery.status.code(), StatusCode::kIoError);
      EXPECT_NE(delivery.status.message().find(records.path(0)), std::string::npos);
      ++failed;
    }
  }
  EXPECT_EQ(failed, 2u);
}

TEST(ExpertProviderTest, DroppedAcquisitionLeavesNothingBehind) {
  const RecordFiles records({8}, {0});
  for (bool unified : {true, false}) {
    const auto device = MakeDevice(unified);
    const auto provider = MakeProvider(Options(50), records, *device);
    for (int round = 0; round < 20; ++round) {
      provider->Acquire(1, AllExperts(records, 0));
      AcquireAndCheck(*provider, records, 0, std::vector<uint32_t>{7, 0, 3});
    }
  }
}

TEST(ExpertProviderTest, LeasesThatAreKeptStarveWithAnErrorNotADeadlock) {
  const RecordFiles records({8}, {0});
  const auto device = MakeDevice(true);
  const auto provider = MakeProvider(Options(0), records, *device);
  std::vector<ExpertLease> kept;
  std::vector<StatusCode> failures;
  Acquisition acquisition = provider->Acquire(1, std::vector<uint32_t>{0, 1, 2});
  for (auto group = acquisition.Next(); !group.empty(); group = acquisition.Next()) {
    for (Acquisition::Delivery& delivery : group) {
      if (!delivery.status.ok()) failures.push_back(delivery.status.code());
      kept.push_back(std::move(delivery.lease));
    }
  }
  EXPECT_EQ(failures, std::vector{StatusCode::kResourceExhausted});
}

}  // namespace
}  // namespace moira::prefetch
