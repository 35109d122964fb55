#include "engine/tokenizer/byte_map.h"

#include <gtest/gtest.h>

#include <set>

namespace moira::engine {
namespace {

TEST(ByteMap, SpellsEveryByteReversibly) {
  std::set<std::string> spellings;
  std::string all_spelled;
  std::string all;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string spelling = ByteSpelling(static_cast<uint8_t>(byte));
    spellings.insert(spelling);
    all_spelled += spelling;
    all += static_cast<char>(byte);
    EXPECT_EQ(SpelledBytes(spelling), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(spellings.size(), 256U);
  EXPECT_EQ(SpelledBytes(all_spelled), all);
}

TEST(ByteMap, AgreesWithTheSpellingsOfGpt2) {
  EXPECT_EQ(ByteSpelling('a'), "a");
  EXPECT_EQ(ByteSpelling(' '), "Ġ");
  EXPECT_EQ(ByteSpelling('\n'), "Ċ");
  EXPECT_EQ(ByteSpelling('\t'), "ĉ");
  EXPECT_EQ(ByteSpelling(0x00), "Ā");
  EXPECT_EQ(ByteSpelling(0x7F), "ġ");
  EXPECT_EQ(ByteSpelling(0xA0), "ł");
  EXPECT_EQ(ByteSpelling(0xAD), "Ń");
  EXPECT_EQ(ByteSpelling(0xFF), "ÿ");
}

TEST(ByteMap, KeepsCharactersThatStandForNoByte) {
  EXPECT_EQ(SpelledByte(0x144), std::nullopt);
  EXPECT_EQ(SpelledByte(' '), std::nullopt);
  EXPECT_EQ(SpelledBytes("a世Ġ\xFF"), "a世 \xFF");
}

TEST(ByteMap, ParsesByteTokensStrictly) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(ParseByteToken(ByteTokenSpelling(static_cast<uint8_t>(byte))), byte);
  }
  EXPECT_EQ(ByteTokenSpelling(0x0A), "<0x0A>");
  for (const char* spelling : {"", "<0x0A", "<0x0A> ", "<0x0a>", "<0xGG>", "<0x+1>", "<0x 1>",
                               "<0X0A>", "0x0A>>", "<0x0A}"}) {
    EXPECT_EQ(ParseByteToken(spelling), std::nullopt) << spelling;
  }
}

}  // namespace
}  // namespace moira::engine
