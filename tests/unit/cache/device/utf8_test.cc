#include "cache/device/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace moira {
namespace {

std::string Encode(uint32_t code_point) {
  auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xC0 | (code_point >> 6)), tail(0)};
  if (code_point < 0x10000) {
    return {static_cast<char>(0xE0 | (code_point >> 12)), tail(6), tail(0)};
  }
  return {static_cast<char>(0xF0 | (code_point >> 18)), tail(12), tail(6), tail(0)};
}

TEST(Utf8, AcceptsExactlyTheScalarValues) {
  for (uint32_t code_point = 0; code_point < 0x120000; ++code_point) {
    std::string text = Encode(code_point);
    bool scalar = code_point < 0x110000 && (code_point < 0xD800 || code_point > 0xDFFF);
    ASSERT_EQ(Utf8SequenceLength(text), scalar ? text.size() : 0) << code_point;
  }
}

TEST(Utf8, RefusesOverlongCutAndStrayBytes) {
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF", "\xC3", "\xE2\x96", "\xF0\x9F\x98", "\xC3(", "\xE2\x96(",
        "\xF0\x9F\x98(", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_EQ(Utf8SequenceLength(text), 0u) << text;
    EXPECT_FALSE(IsValidUtf8(std::string("ok") + text));
  }
  EXPECT_EQ(Utf8SequenceLength(""), 0u);
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("a\xC3\xA9\xE2\x96\x81\xF0\x9F\x98\x80"));
}

TEST(Utf8, KnowsControls) {
  for (uint32_t code_point = 0; code_point < 0x200; ++code_point) {
    bool control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
    EXPECT_EQ(StartsWithControl(Encode(code_point)), control) << code_point;
  }
  EXPECT_FALSE(StartsWithControl(""));
}

}  // namespace
}  // namespace moira
