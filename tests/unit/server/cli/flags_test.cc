#include "server/cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace moira::server {
namespace {

using ::testing::HasSubstr;

const Flag& Find(const std::vector<Flag>& flags, const std::string& long_name) {
  for (const Flag& flag : flags) {
    if (flag.long_name() == long_name) return flag;
  }
  throw std::runtime_error("no flag " + long_name);
}

TEST(FlagTest, NamesAreDerivedFromTheLongName) {
  uint32_t target = 0;
  Flag flag = NumberFlag("-c,--ctx-size", "help", target, 0, 10);
  EXPECT_EQ(flag.long_name(), "ctx-size");
  EXPECT_EQ(flag.environment_name(), "MOIRA_CTX_SIZE");
}

TEST(FlagTest, NumbersAreHeldToTheirRangeAndSyntax) {
  uint32_t target = 7;
  Flag flag = NumberFlag("--parallel", "help", target, 1, 16);
  EXPECT_TRUE(flag.set("16").ok());
  EXPECT_EQ(target, 16u);
  for (const char* bad : {"0", "17", "-1", "1e3", "4x", "", " 4", "99999999999999999999"}) {
    Status status = flag.set(bad);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(target, 16u) << bad;
  }
  EXPECT_THAT(flag.set("17").message(), HasSubstr("between 1 and 16"));
}

TEST(FlagTest, RealsMustBeFinite) {
  double target = 0;
  Flag flag = RealFlag("--link-latency", "help", target, 0, 10);
  EXPECT_TRUE(flag.set("1e-5").ok());
  EXPECT_DOUBLE_EQ(target, 1e-5);
  for (const char* bad : {"nan", "inf", "-0.1", "11", "0.1s"})
    EXPECT_FALSE(flag.set(bad).ok()) << bad;
}

TEST(FlagTest, RatesAreSizesPerSecond) {
  double target = 0;
  Flag flag = RateFlag("--link", "help", target);
  EXPECT_TRUE(flag.set("11.8 GB/s").ok());
  EXPECT_DOUBLE_EQ(target, 11.8e9);
  EXPECT_FALSE(flag.set("12GB").ok());
  EXPECT_DOUBLE_EQ(target, 11.8e9);
}

TEST(FlagTest, SwitchesTakeTheWordsOfOtherServers) {
  bool target = false;
  Flag flag = SwitchFlag("--json", "help", target);
  for (const char* yes : {"1", "true", "on", "enabled"}) {
    target = false;
    EXPECT_TRUE(flag.set(yes).ok());
    EXPECT_TRUE(target) << yes;
  }
  EXPECT_TRUE(flag.set("off").ok());
  EXPECT_FALSE(target);
  EXPECT_FALSE(flag.set("maybe").ok());
}

TEST(FlagTest, ChoicesNameWhatIsPossible) {
  engine::EngineOptions options;
  std::vector<Flag> flags = EngineFlags(options);
  const Flag& device = Find(flags, "device");
  EXPECT_TRUE(device.set("emulated").ok());
  EXPECT_EQ(options.device, engine::DeviceKind::kEmulated);
  EXPECT_THAT(device.set("tpu").message(), HasSubstr("auto|cpu|emulated"));
}

TEST(FlagTest, SizesAndBudgetsReachTheOptions) {
  engine::EngineOptions options;
  std::vector<Flag> flags = EngineFlags(options);
  EXPECT_TRUE(Find(flags, "host-memory").set("2GiB").ok());
  EXPECT_EQ(options.host_memory, 2ull << 30);
  EXPECT_TRUE(Find(flags, "host-memory").set("auto").ok());
  EXPECT_EQ(options.host_memory, 0u);
  for (const char* bad : {"0", "0GiB", "-1", "nan", "1000000000000000000000000000000"}) {
    EXPECT_EQ(Find(flags, "host-memory").set(bad).code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(Find(flags, "device-memory").set(bad).code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(Find(flags, "expert-cache").set("50%").ok());
  EXPECT_EQ(options.expert_cache.kind, cache::ExpertCacheBudget::Kind::kPercent);
  EXPECT_EQ(options.expert_cache.percent, 50);
  EXPECT_FALSE(Find(flags, "expert-cache").set("101%").ok());
  EXPECT_TRUE(Find(flags, "prefetch").set("off").ok());
  EXPECT_EQ(options.prefetch, prefetch::PrefetchMode::kOff);
}

TEST(FlagTest, LongNamesAreUnique) {
  engine::EngineOptions options;
  std::set<std::string> names;
  for (const Flag& flag : EngineFlags(options)) {
    EXPECT_TRUE(names.insert(flag.long_name()).second) << flag.long_name();
    EXPECT_FALSE(flag.help.empty()) << flag.long_name();
  }
}

}  // namespace
}  // namespace moira::server
