#include "engine/hardware_profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace moira::engine {
namespace {

using ::testing::HasSubstr;

TEST(HardwareProfiles, AreWholeAndPlausible) {
  std::set<std::string_view> names;
  for (const HardwareProfile& profile : HardwareProfiles()) {
    EXPECT_TRUE(names.insert(profile.name).second) << profile.name << " twice";
    EXPECT_FALSE(profile.source.empty()) << profile.name;
    const MachineRates& rates = profile.rates;
    EXPECT_GE(profile.device_memory, uint64_t{6} << 30) << profile.name;
    EXPECT_GE(rates.device, rates.host) << profile.name;
    EXPECT_GT(rates.file, 0) << profile.name;
    EXPECT_GE(rates.joint, rates.host) << profile.name << ": two readers are no slower than one";
    if (profile.unified) {
      EXPECT_EQ(rates.link, MachineRates::kUnlimited) << profile.name;
    } else {
      EXPECT_LT(rates.joint, rates.host + rates.link) << profile.name << ": they share one memory";
    }
  }
}

TEST(FindHardware, KnowsTheCommonCards) {
  for (const char* name :
       {"rtx-2060", "rtx-3060-12gb", "rtx-3060-laptop", "rtx-4060", "rtx-4060-ti-16gb", "rtx-4070",
        "rtx-5060-ti-16gb", "orin-nano-8gb", "agx-orin-64gb"}) {
    const auto found = FindHardware(name);
    ASSERT_TRUE(found.ok()) << name;
    EXPECT_EQ(found->name, name);
  }
  EXPECT_EQ(FindHardware("rtx-3060-12gb")->rates.device, 360e9);
}

TEST(FindHardware, NamesWhatItKnows) {
  const Status status = FindHardware("voodoo-2").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("'voodoo-2' is none of rtx-2060, rtx-3060-12gb"));
}

}  // namespace
}  // namespace moira::engine
