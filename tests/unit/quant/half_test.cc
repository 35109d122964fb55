#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "quant/dequantize.h"

namespace moira::quant {
namespace {

double ExactHalf(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(HalfTest, EveryHalfExpandsExactlyAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = HalfToFloat(half);
    if ((bits & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(value))));
    } else if ((bits & 0x7fff) == 0x7c00) {
      EXPECT_EQ(value, bits & 0x8000 ? -INFINITY : INFINITY);
      EXPECT_EQ(FloatToHalf(value), half);
    } else {
      ASSERT_EQ(value, ExactHalf(half)) << bits;
      ASSERT_EQ(FloatToHalf(value), half) << bits;
    }
  }
}

// Between two neighbouring halves: below the middle goes down, above goes up, the middle to the
// even one.
TEST(HalfTest, RoundsToNearestEven) {
  for (uint16_t half = 0; half < 0x7bff; ++half) {
    const uint16_t next = static_cast<uint16_t>(half + 1);
    const float middle = static_cast<float>((ExactHalf(half) + ExactHalf(next)) / 2);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0f)), half);
    ASSERT_EQ(FloatToHalf(middle), half % 2 == 0 ? half : next);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, INFINITY)), next);
    ASSERT_EQ(FloatToHalf(-middle), (half % 2 == 0 ? half : next) | 0x8000);
  }
  EXPECT_EQ(FloatToHalf(65519.996f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);  // half way to the first number that is too large
  EXPECT_EQ(FloatToHalf(1e30f), 0x7c00);
}

TEST(HalfTest, SpansAgreeWithSingleValues) {
  std::vector<uint16_t> halves(0x10000 - 3);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> values(halves.size());
  HalfToFloat(halves, values);
  std::vector<uint16_t> back(halves.size());
  FloatToHalf(values, back);
  for (size_t i = 0; i < halves.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(HalfToFloat(halves[i])));
    ASSERT_EQ(back[i], FloatToHalf(values[i]));
  }
}

}  // namespace
}  // namespace moira::quant
