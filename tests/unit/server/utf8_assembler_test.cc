#include "server/api/utf8_assembler.h"

#include <gtest/gtest.h>

#include <random>

namespace moira::server {
namespace {

std::string Assemble(std::string_view bytes, std::mt19937& random) {
  Utf8Assembler assembler;
  std::string out;
  while (!bytes.empty()) {
    const size_t length = std::min<size_t>(bytes.size(), 1 + random() % 3);
    out += assembler.Append(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return out + assembler.Flush();
}

void AppendCodePoint(std::string& out, uint32_t c) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      put(0xE0 | (c >> 12));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
    }
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

TEST(Utf8Assembler, ValidTextComesOutUnchangedHoweverItIsCut) {
  std::mt19937 random(1);
  for (int round = 0; round < 10'000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) {
      uint32_t c = random() % (random() % 2 ? 0x800 : 0x110000);
      if (c >= 0xD800 && c < 0xE000) c = 0x20AC;
      AppendCodePoint(text, c);
    }
    ASSERT_EQ(Assemble(text, random), text);
  }
}

TEST(Utf8Assembler, EveryPieceIsWholeCharacters) {
  Utf8Assembler assembler;
  EXPECT_EQ(assembler.Append("a\xF0\x9F"), "a");
  EXPECT_EQ(assembler.held(), 2u);
  EXPECT_EQ(assembler.Append("\x98"), "");
  EXPECT_EQ(assembler.Append("\x80z"), "\xF0\x9F\x98\x80z");
  EXPECT_EQ(assembler.held(), 0u);
}

TEST(Utf8Assembler, ReplacesEachMaximalSubpart) {
  const auto replaced = [](std::string_view bytes) {
    Utf8Assembler assembler;
    const std::string text = assembler.Append(bytes);
    return text + assembler.Flush();
  };
  const std::string r = "\xEF\xBF\xBD";
  // The examples of the Unicode standard, section 3.9, tables 3-8 to 3-11.
  EXPECT_EQ(replaced("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replaced("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(replaced("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(replaced("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(replaced("x\xE2\x82"), "x" + r);
}

TEST(Utf8Assembler, CutsDoNotChangeWhatIsReplaced) {
  std::mt19937 random(2);
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes;
    for (int i = 0; i < 8; ++i)
      bytes += static_cast<char>(random() % 2 ? 0xC0 + random() % 64 : 0x80 + random() % 64);
    Utf8Assembler whole;
    std::string expected = whole.Append(bytes);
    expected += whole.Flush();
    ASSERT_EQ(Assemble(bytes, random), expected);
  }
}

TEST(CountCodePoints, CountsCharacters) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("a\xC3\xA9\xF0\x9F\x98\x80"), 3u);
}

}  // namespace
}  // namespace moira::server
