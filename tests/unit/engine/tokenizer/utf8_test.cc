#include "engine/tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace moira::engine {
namespace {

TEST(Utf8, ReadsBackEveryCharacterThatItWrites) {
  for (char32_t character = 0; character <= 0x10FFFF; ++character) {
    if (character >= 0xD800 && character <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(character, text);
    const std::string followed = text + "x";
    const Utf8Character read = ReadUtf8(followed);
    ASSERT_TRUE(read.valid);
    ASSERT_EQ(read.value, character);
    ASSERT_EQ(read.length, text.size());
  }
}

TEST(Utf8, GivesIllFormedBytesOneAtATime) {
  for (const char* text : {"\x80",
                           "\xBF"
                           "a",
                           "\xC3", "\xC3(", "\xC0\x80", "\xE2\x82", "\xE2\x28\xA1", "\xED\xA0\x80",
                           "\xF0\x9F\xA6", "\xF4\x90\x80\x80", "\xFF"}) {
    const Utf8Character read = ReadUtf8(text);
    EXPECT_FALSE(read.valid);
    EXPECT_EQ(read.length, 1U);
  }
}

}  // namespace
}  // namespace moira::engine
