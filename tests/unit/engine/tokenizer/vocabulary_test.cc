#include "engine/tokenizer/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/unit/engine/tokenizer/metadata_builder.h"

namespace moira::engine {
namespace {

using ::testing::HasSubstr;

// What Load refuses names the field.
void ExpectRefused(const MetadataBuilder& builder, const std::string& field) {
  const Result<Vocabulary> vocabulary = Vocabulary::Load(builder.Build(), {});
  ASSERT_FALSE(vocabulary.ok()) << field;
  EXPECT_EQ(vocabulary.status().code(), StatusCode::kInvalidData);
  EXPECT_THAT(vocabulary.status().message(), HasSubstr(field));
}

TEST(Vocabulary, LoadsSpellingsKindsAndScores) {
  const Vocabulary vocabulary =
      Vocabulary::Load(SpmMetadata({"ab"}).AddToken("user", kUserDefinedType, -5).Build(), {})
          .value();
  EXPECT_EQ(vocabulary.size(), 261U);
  EXPECT_EQ(vocabulary.spelling(259), "ab");
  EXPECT_EQ(vocabulary.kind(0), TokenKind::kUnknown);
  EXPECT_EQ(vocabulary.kind(1), TokenKind::kControl);
  EXPECT_EQ(vocabulary.kind(3), TokenKind::kByte);
  EXPECT_EQ(vocabulary.kind(259), TokenKind::kNormal);
  EXPECT_EQ(vocabulary.kind(260), TokenKind::kUserDefined);
  EXPECT_EQ(vocabulary.score(260), -5.0F);
  EXPECT_EQ(vocabulary.longest_spelling(), 6U);
  EXPECT_EQ(vocabulary.Find("<s>"), 1);
  EXPECT_EQ(vocabulary.FindText("<s>"), std::nullopt);
  EXPECT_EQ(vocabulary.FindText("<0x41>"), std::nullopt);
  EXPECT_EQ(vocabulary.FindText("ab"), 259);
  EXPECT_EQ(vocabulary.Find("abc"), std::nullopt);
  EXPECT_FALSE(vocabulary.Contains(261));
  EXPECT_FALSE(vocabulary.Contains(-1));
}

TEST(Vocabulary, IsOrdinaryTextWithoutTypes) {
  const Vocabulary vocabulary =
      Vocabulary::Load(BpeMetadata({}).Erase("token_type").Build(), {}).value();
  EXPECT_EQ(vocabulary.kind(0), TokenKind::kNormal);
  // But a token that ends turns is none.
  EXPECT_EQ(vocabulary.kind(2), TokenKind::kControl);
  EXPECT_FALSE(vocabulary.has_scores());
}

TEST(Vocabulary, TakesDefaultsWhereTheFileIsSilent) {
  MetadataBuilder builder = BpeMetadata({}).Erase("bos_token_id").Erase("eos_token_id");
  const VocabularyDefaults defaults = {true, 1, 2, 0};
  Vocabulary vocabulary = Vocabulary::Load(builder.Build(), defaults).value();
  EXPECT_EQ(vocabulary.bos(), 1);
  EXPECT_EQ(vocabulary.eos(), 2);
  EXPECT_TRUE(vocabulary.adds_bos());
  EXPECT_FALSE(vocabulary.adds_eos());

  builder.Set("bos_token_id", uint64_t{7}).Set("add_bos_token", false).Set("add_eos_token", true);
  vocabulary = Vocabulary::Load(builder.Build(), defaults).value();
  EXPECT_EQ(vocabulary.bos(), 7);
  EXPECT_FALSE(vocabulary.adds_bos());
  EXPECT_TRUE(vocabulary.adds_eos());

  builder.Erase("bos_token_id").Erase("add_bos_token").Set("tokens", std::vector<std::string>{"x"});
  builder.Erase("token_type").Erase("add_eos_token");
  vocabulary = Vocabulary::Load(builder.Build(), defaults).value();
  EXPECT_EQ(vocabulary.bos(), std::nullopt);  // the default is outside this vocabulary
  EXPECT_FALSE(vocabulary.adds_bos());
}

TEST(Vocabulary, KnowsTheTokensThatEndATurn) {
  MetadataBuilder builder = BpeMetadata({});
  builder.AddToken("<|im_end|>", kNormalType).AddToken("<|end|>", kControlType);
  builder.AddToken("x", kNormalType).Get<std::vector<std::string>>("tokens").back() = "xx";
  builder.Set("eot_token_id", uint64_t{261});
  Vocabulary vocabulary = Vocabulary::Load(builder.Build(), {}).value();
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(2));
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(259));
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(260));
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(261));
  EXPECT_FALSE(vocabulary.IsEndOfGeneration(1));
  EXPECT_FALSE(vocabulary.IsEndOfGeneration(-1));
  EXPECT_EQ(vocabulary.kind(259), TokenKind::kControl);

  builder.AddToken("<|return|>", kControlType).AddToken("<|call|>", kControlType);
  builder.Set("eom_token_id", uint64_t{5});
  vocabulary = Vocabulary::Load(builder.Build(), {}).value();
  EXPECT_FALSE(vocabulary.IsEndOfGeneration(260));  // now the end of a Harmony message
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(262));
  EXPECT_TRUE(vocabulary.IsEndOfGeneration(5));
}

TEST(Vocabulary, RefusesBadTokenLists) {
  ExpectRefused(BpeMetadata({}).Erase("tokens"), "tokenizer.ggml.tokens");
  ExpectRefused(BpeMetadata({}).Set("tokens", std::vector<std::string>{}), "tokenizer.ggml.tokens");
  ExpectRefused(BpeMetadata({}).Set("tokens", uint64_t{3}), "tokenizer.ggml.tokens");
  ExpectRefused(BpeMetadata({}).AddToken("", kNormalType), "tokenizer.ggml.tokens[259]");
  ExpectRefused(BpeMetadata({}).AddToken(std::string(kMaxTokenBytes + 1, 'x'), kNormalType),
                "tokenizer.ggml.tokens[259]");
  ExpectRefused(BpeMetadata({}).AddToken("<s>", kNormalType), "tokenizer.ggml.tokens[259]");
  EXPECT_TRUE(
      Vocabulary::Load(
          BpeMetadata({}).AddToken(std::string(kMaxTokenBytes, 'x'), kNormalType).Build(), {})
          .ok());
}

TEST(Vocabulary, RefusesMoreTokensThanTheBound) {
  std::vector<std::string> tokens(kMaxTokens + 1);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = std::to_string(i);
  MetadataBuilder builder = BpeMetadata({}).Erase("token_type");
  ExpectRefused(builder.Set("tokens", tokens), "1048577 tokens, want 1 to 1048576");
  tokens.pop_back();
  EXPECT_TRUE(Vocabulary::Load(builder.Set("tokens", tokens).Build(), {}).ok());
}

TEST(Vocabulary, RefusesTypesAndScoresThatDoNotFit) {
  for (const int64_t type : {0, 7, -1}) {
    ExpectRefused(BpeMetadata({}).AddToken("x1", type), "tokenizer.ggml.token_type[259]");
  }
  MetadataBuilder builder = BpeMetadata({});
  builder.Get<std::vector<int64_t>>("token_type").pop_back();
  ExpectRefused(builder, "tokenizer.ggml.token_type: 258 entries");
  ExpectRefused(SpmMetadata({}).AddToken("<0xZZ>", kByteType), "tokenizer.ggml.tokens[259]");

  builder = SpmMetadata({});
  builder.Get<std::vector<double>>("scores").push_back(0);
  ExpectRefused(builder, "tokenizer.ggml.scores: 260 entries");
  for (const double score : {std::nan(""), std::numeric_limits<double>::infinity(), 1e300}) {
    builder = SpmMetadata({});
    builder.Get<std::vector<double>>("scores")[5] = score;
    ExpectRefused(builder, "tokenizer.ggml.scores");
  }
}

TEST(Vocabulary, RefusesSpecialIdsOutOfRange) {
  for (const char* key :
       {"bos_token_id", "eos_token_id", "unknown_token_id", "eot_token_id", "eom_token_id"}) {
    ExpectRefused(BpeMetadata({}).Set(key, uint64_t{259}), std::string("tokenizer.ggml.") + key);
    ExpectRefused(BpeMetadata({}).Set(key, int64_t{-1}), std::string("tokenizer.ggml.") + key);
  }
  ExpectRefused(BpeMetadata({}).Erase("bos_token_id").Set("add_bos_token", true),
                "tokenizer.ggml.add_bos_token");
  ExpectRefused(BpeMetadata({}).Erase("eos_token_id").Set("add_eos_token", true),
                "tokenizer.ggml.add_eos_token");
}

}  // namespace
}  // namespace moira::engine
