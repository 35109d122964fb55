#include "cache/budget.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace moira::cache {
namespace {

using Kind = ExpertCacheBudget::Kind;

TEST(ParseSizeTest, UnderstandsBothKindsOfUnits) {
  const std::pair<const char*, uint64_t> cases[] = {
      {"0", 0},
      {"1048576", 1048576},
      {"7B", 7},
      {"1KiB", 1024},
      {"1KB", 1000},
      {"512MiB", 512ull << 20},
      {"512MB", 512'000'000},
      {"1.5GB", 1'500'000'000},
      {"1.5GiB", 3ull << 29},
      {"2 GiB", 2ull << 30},
      {"2gib", 2ull << 30},
      {"0.5KiB", 512},
      {"0.0009765625KiB", 1},
      {"1.999999999999999999999999KB", 1999},
      {"3TB", 3'000'000'000'000},
      {"18446744073709551615", UINT64_MAX},
  };
  for (const auto& [text, bytes] : cases) {
    Result<uint64_t> size = ParseSize(text);
    ASSERT_TRUE(size.ok()) << text << ": " << size.status().message();
    EXPECT_EQ(*size, bytes) << text;
  }
}

TEST(ParseSizeTest, RefusesWhatIsNoSize) {
  for (const char* text : {"",
                           "GiB",
                           "-1",
                           "+1",
                           "1e9",
                           "0x10",
                           "1.GiB",
                           ".5GiB",
                           "1.5",
                           "1.5B",
                           "1 ",
                           "1  GiB",
                           "1GiBs",
                           "1XB",
                           "1G",
                           "nan",
                           "inf",
                           "1,5GiB",
                           "18446744073709551616",
                           "16777216TiB",
                           "18446744073709551615KB"}) {
    const Result<uint64_t> size = ParseSize(text);
    ASSERT_FALSE(size.ok()) << text;
    EXPECT_EQ(size.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(size.status().message().find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(ParseRateTest, IsASizePerSecondWithinBounds) {
  EXPECT_EQ(*ParseRate("12GB/s"), 12e9);
  EXPECT_EQ(*ParseRate("45 GB/s"), 45e9);
  EXPECT_EQ(*ParseRate("11.8GB/s"), 11.8e9);
  EXPECT_EQ(*ParseRate("1GiB/s"), 1073741824.0);
  EXPECT_EQ(*ParseRate("1MB/s"), 1e6);
  EXPECT_EQ(*ParseRate("100TB/s"), 1e14);
  for (const char* text :
       {"", "/s", "12", "12GB", "GB/s", "-1GB/s", "nan/s", "0/s", "0GB/s", "999999/s", "101TB/s",
        "1000000000000000000000000000000/s", "12GB/s ", "12GB/min"}) {
    const Result<double> rate = ParseRate(text);
    ASSERT_FALSE(rate.ok()) << text;
    EXPECT_EQ(rate.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(rate.status().message().find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(ParseExpertCacheBudgetTest, UnderstandsEveryKind) {
  EXPECT_EQ(ParseExpertCacheBudget("auto")->kind, Kind::kAutomatic);
  EXPECT_EQ(ParseExpertCacheBudget("all")->kind, Kind::kAll);
  EXPECT_EQ(ParseExpertCacheBudget("2KiB")->kind, Kind::kBytes);
  EXPECT_EQ(ParseExpertCacheBudget("2KiB")->bytes, 2048u);
  EXPECT_EQ(ParseExpertCacheBudget("37.5%")->kind, Kind::kPercent);
  EXPECT_EQ(ParseExpertCacheBudget("37.5%")->percent, 37.5);
  EXPECT_EQ(ParseExpertCacheBudget("0%")->percent, 0);
  EXPECT_EQ(ParseExpertCacheBudget("100%")->percent, 100);
  for (const char* text :
       {"", "%", "-1%", "100.1%", "nan%", "inf%", "1e1%", "50 %", "All", "half"}) {
    EXPECT_FALSE(ParseExpertCacheBudget(text).ok()) << text;
  }
}

TEST(FormatBytesTest, UsesTheLargestUnitThatLeavesAWholeDigit) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.00 KiB");
  EXPECT_EQ(FormatBytes((1u << 20) - 1), "1.00 MiB");
  EXPECT_EQ(FormatBytes(3ull << 29), "1.50 GiB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "16.00 EiB");
}

LayerRecords Layer(uint32_t layer, uint32_t experts, uint32_t layout_class, uint64_t bytes) {
  return {layer, experts, layout_class, bytes, {}};
}

ExpertCacheBudget Bytes(uint64_t bytes) { return {Kind::kBytes, bytes, 0}; }
ExpertCacheBudget Percent(double percent) { return {Kind::kPercent, 0, percent}; }

TEST(DivideSlotsTest, KeepsTheBoundsOfEachKind) {
  // Class 0: 16 records of 2 pages; class 1: one record of 1 page.
  const std::vector<LayerRecords> layers = {Layer(0, 8, 0, 5000), Layer(1, 8, 0, 5000),
                                            Layer(2, 1, 1, 10)};
  using Slots = std::vector<uint64_t>;
  EXPECT_EQ(DivideSlots({Kind::kAll, 0, 0}, 0, layers), (Slots{16, 1}));
  EXPECT_EQ(DivideSlots(Percent(100), 0, layers), (Slots{16, 1}));
  EXPECT_EQ(DivideSlots(Percent(0), 0, layers), (Slots{2, 1}));
  EXPECT_EQ(DivideSlots(Bytes(UINT64_MAX), 0, layers), (Slots{16, 1}));
  EXPECT_EQ(DivideSlots({}, 0, layers), (Slots{2, 1}));
  EXPECT_EQ(DivideSlots({}, 4096 * (2 * 5 + 1), layers), (Slots{5, 1}));
  EXPECT_EQ(DivideSlots(Percent(50), 0, {}), Slots{});
}

TEST(DivideSlotsTest, GivesClassesEqualSharesOfTheirRecords) {
  const std::vector<LayerRecords> layers = {Layer(0, 64, 0, 4096), Layer(1, 64, 1, 3 * 4096),
                                            Layer(2, 128, 0, 4096)};
  EXPECT_EQ(DivideSlots(Percent(50), 0, layers), (std::vector<uint64_t>{96, 32}));
}

TEST(DivideSlotsTest, StaysInsideTheBudgetAndWastesLessThanASlot) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<LayerRecords> layers;
    const uint32_t classes = 1 + random() % 5;
    for (uint32_t c = 0; c < classes; ++c) {
      const uint64_t bytes = 1 + random() % 50000;
      for (uint32_t n = 1 + random() % 3; n > 0; --n) {
        layers.push_back(Layer(static_cast<uint32_t>(layers.size()), 1 + random() % 64, c, bytes));
      }
    }
    std::vector<uint64_t> records(classes), slot_bytes(classes);
    for (const LayerRecords& layer : layers) {
      records[layer.layout_class] += layer.experts;
      slot_bytes[layer.layout_class] = (layer.record_bytes + 4095) / 4096 * 4096;
    }
    const uint64_t total =
        std::inner_product(records.begin(), records.end(), slot_bytes.begin(), uint64_t{0});
    const uint64_t budget = random() % (total + total / 8);
    const std::vector<uint64_t> slots = DivideSlots(Bytes(budget), 0, layers);
    ASSERT_EQ(slots.size(), classes);
    uint64_t used = 0, minimum = 0;
    bool room = false;
    for (uint32_t c = 0; c < classes; ++c) {
      EXPECT_GE(slots[c], std::min<uint64_t>(2, records[c]));
      EXPECT_LE(slots[c], records[c]);
      used += slots[c] * slot_bytes[c];
      minimum += std::min<uint64_t>(2, records[c]) * slot_bytes[c];
    }
    EXPECT_LE(used, std::max(budget, minimum));
    for (uint32_t c = 0; c < classes; ++c) {
      room |= slots[c] < records[c] && used + slot_bytes[c] <= budget;
    }
    EXPECT_FALSE(room) << "a slot more would have fitted";
  }
}

}  // namespace
}  // namespace moira::cache
