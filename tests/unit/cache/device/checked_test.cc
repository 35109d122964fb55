#include "cache/device/checked.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace moira {
namespace {

// All pairs of 8-bit values against arithmetic that cannot wrap.
TEST(Checked, AgreesWithWideArithmetic) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      auto x = static_cast<uint8_t>(a);
      auto y = static_cast<uint8_t>(b);
      EXPECT_EQ(CheckedAdd(x, y), a + b < 256 ? std::optional<uint8_t>(a + b) : std::nullopt);
      EXPECT_EQ(CheckedMul(x, y), a * b < 256 ? std::optional<uint8_t>(a * b) : std::nullopt);
    }
  }
}

TEST(Checked, CastsOnlyWhatFits) {
  EXPECT_EQ(CheckedCast<uint8_t>(255), 255);
  EXPECT_EQ(CheckedCast<uint8_t>(256), std::nullopt);
  EXPECT_EQ(CheckedCast<uint8_t>(-1), std::nullopt);
  EXPECT_EQ(CheckedCast<int32_t>(uint64_t{1} << 31), std::nullopt);
  EXPECT_EQ(CheckedCast<int64_t>(uint32_t{7}), 7);
}

TEST(Checked, AlignsUpwards) {
  EXPECT_EQ(CheckedAlignUp(0, 32), 0u);
  EXPECT_EQ(CheckedAlignUp(1, 32), 32u);
  EXPECT_EQ(CheckedAlignUp(32, 32), 32u);
  EXPECT_EQ(CheckedAlignUp(33, 32), 64u);
  EXPECT_EQ(CheckedAlignUp(SIZE_MAX, 32), std::nullopt);
  EXPECT_EQ(CheckedAlignUp(SIZE_MAX - 31, 32), SIZE_MAX - 31);
}

}  // namespace
}  // namespace moira
