#include "engine/tokenizer/spm_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/unit/engine/tokenizer/metadata_builder.h"
#include "tests/unit/engine/tokenizer/random_text.h"

namespace moira::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The encoder with the vocabulary that it refers to.
struct Spm {
  explicit Spm(const MetadataBuilder& builder)
      : vocabulary(Vocabulary::Load(builder.Build(), {false, 1, 2, 0}).value()),
        encoder(SpmEncoder::Create(builder.Build(), vocabulary).value()) {}
  std::vector<TokenId> Encode(std::string_view text, bool starts_text = false) const {
    std::vector<TokenId> tokens;
    encoder->Encode(text, starts_text, tokens);
    return tokens;
  }

  const Vocabulary vocabulary;
  std::unique_ptr<TextEncoder> encoder;
};

TEST(SpmEncoder, MergesByScoreThenFromTheLeft) {
  // 259 "bc", 260 "ab", 261 "▁", 262 "a", 263 "b", 264 "▁a"
  const Spm spm(SpmMetadata({"bc", "ab", "▁", "a", "b", "▁a"}));
  EXPECT_THAT(spm.Encode("abc"), ElementsAre(262, 259));
  EXPECT_THAT(spm.Encode("ab"), ElementsAre(260));
  EXPECT_THAT(spm.Encode(" a"), ElementsAre(264));
  EXPECT_THAT(spm.Encode("a", true), ElementsAre(264));
  EXPECT_THAT(Spm(SpmMetadata({"aa", "a"})).Encode("aaa"), ElementsAre(259, 260));
}

TEST(SpmEncoder, SpellsWhatIsNoTokenInBytes) {
  const Spm spm(SpmMetadata({"▁"}));
  EXPECT_THAT(spm.Encode("é"), ElementsAre(ByteId('\xC3'), ByteId('\xA9')));
  EXPECT_THAT(spm.Encode("\xC3("), ElementsAre(ByteId('\xC3'), ByteId('(')));
}

TEST(SpmEncoder, FallsBackToTheUnknownTokenWithoutByteTokens) {
  MetadataBuilder builder = SpmMetadata({"a"});
  builder.Get<std::vector<std::string>>("tokens")[static_cast<size_t>(ByteId('b'))] = "other";
  builder.Get<std::vector<int64_t>>("token_type")[static_cast<size_t>(ByteId('b'))] = kNormalType;
  EXPECT_THAT(Spm(builder).Encode("ab"), ElementsAre(259, 0));
}

TEST(SpmEncoder, NeverMergesIntoControlOrByteTokens) {
  // The pieces lead up to "<s>" and "<0x41>".
  const Spm spm(SpmMetadata({"<s", "<0", "x4", "<0x4", "1>", "<", "s", ">"}));
  for (const char* text : {"<s>", "<0x41>"}) {
    for (const TokenId token : spm.Encode(text)) {
      EXPECT_NE(token, 1);
      EXPECT_NE(token, ByteId('A'));
    }
  }
  EXPECT_THAT(spm.Encode("<s>"), ElementsAre(259, 266));
}

TEST(SpmEncoder, PutsASpaceBeforeTextThatStarts) {
  MetadataBuilder builder = SpmMetadata({"▁", "a"});
  EXPECT_THAT(Spm(builder).Encode("a", true), ElementsAre(259, 260));
  EXPECT_TRUE(Spm(builder).encoder->adds_space());
  builder.Set("add_space_prefix", false);
  EXPECT_THAT(Spm(builder).Encode("a", true), ElementsAre(260));
  EXPECT_FALSE(Spm(builder).encoder->adds_space());
}

TEST(SpmEncoder, DecodesToTheTextThatItEncoded) {
  std::mt19937 random(13);
  const Spm spm(
      SpmMetadata({"▁The", "▁T", "he", "▁▁", "▁", "ab", "a", "b", "12", "мир", "世", "é"}));
  for (int round = 0; round < 1000; ++round) {
    const std::string text = round % 2 == 0 ? RandomText(random) : RandomBytes(random);
    std::string decoded;
    for (const TokenId token : spm.Encode(text)) decoded += spm.encoder->Bytes(token);
    ASSERT_EQ(decoded, text);
  }
}

TEST(SpmEncoder, RefusesAVocabularyWithoutScores) {
  const format::Metadata metadata = SpmMetadata({"a"}).Erase("scores").Build();
  const Vocabulary vocabulary = Vocabulary::Load(metadata, {}).value();
  const auto encoder = SpmEncoder::Create(metadata, vocabulary);
  ASSERT_FALSE(encoder.ok());
  EXPECT_THAT(encoder.status().message(), HasSubstr("tokenizer.ggml.scores"));
}

}  // namespace
}  // namespace moira::engine
