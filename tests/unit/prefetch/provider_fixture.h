#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "cache/device/host_device.h"
#include "prefetch/expert_provider.h"
#include "tests/unit/cache/record_files.h"

namespace moira::prefetch {

inline ProviderOptions Options(double percent) {
  ProviderOptions options;
  options.expert_cache = {cache::ExpertCacheBudget::Kind::kPercent, 0, percent};
  options.experts_per_token = 2;
  return options;
}

inline std::unique_ptr<Device> MakeDevice(bool unified, FaultPlan* faults = nullptr) {
  if (unified) return CreateHostDevice(std::nullopt, faults);
  return CreateHostDevice(EmulatedLink{4e9, 1e-6}, faults);
}

inline std::unique_ptr<ExpertProvider> MakeProvider(const ProviderOptions& options,
                                                    const cache::RecordFiles& records,
                                                    Device& device, FaultPlan* faults = nullptr) {
  Result<std::unique_ptr<ExpertProvider>> provider =
      ExpertProvider::Create(options, records.layers(), records.files(), device, faults, {});
  EXPECT_TRUE(provider.ok()) << provider.status().message();
  return std::move(provider).value();
}

inline std::vector<uint32_t> AllExperts(const cache::RecordFiles& records, size_t ordinal) {
  std::vector<uint32_t> experts(records.layers()[ordinal].experts);
  std::iota(experts.begin(), experts.end(), 0u);
  return experts;
}

// What an acquisition delivered, in order.
struct Outcome {
  std::vector<uint32_t> hits, fetched, failed;
};

// Takes all deliveries, as an engine does, and checks that each expert comes once with its bytes.
inline Outcome DrainAndCheck(Acquisition& acquisition, const cache::RecordFiles& records,
                             size_t ordinal, std::span<const uint32_t> experts) {
  Outcome outcome;
  std::multiset<uint32_t> delivered;
  for (auto group = acquisition.Next(); !group.empty(); group = acquisition.Next()) {
    for (const Acquisition::Delivery& delivery : group) {
      delivered.insert(delivery.expert);
      if (!delivery.status.ok()) {
        EXPECT_EQ(delivery.lease.data(), nullptr);
        EXPECT_FALSE(delivery.hit);
        outcome.failed.push_back(delivery.expert);
        continue;
      }
      EXPECT_TRUE(records.Holds(delivery.lease.data(), ordinal, delivery.expert))
          << "layer ordinal " << ordinal << ", expert " << delivery.expert;
      (delivery.hit ? outcome.hits : outcome.fetched).push_back(delivery.expert);
    }
  }
  EXPECT_EQ(delivered, std::multiset<uint32_t>(experts.begin(), experts.end()));
  return outcome;
}

inline Outcome AcquireAndCheck(ExpertProvider& provider, const cache::RecordFiles& records,
                               size_t ordinal, std::span<const uint32_t> experts) {
  Acquisition acquisition = provider.Acquire(records.layers()[ordinal].layer, experts);
  return DrainAndCheck(acquisition, records, ordinal, experts);
}

}  // namespace moira::prefetch
