#include "engine/tokenizer/bpe_encoder.h"

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
struct Bpe {
  explicit Bpe(const MetadataBuilder& builder)
      : vocabulary(Vocabulary::Load(builder.Build(), {}).value()) {
    const format::Metadata metadata = builder.Build();
    PreTokenizer pre = PreTokenizer::Create(*metadata.String("tokenizer.ggml.pre").value()).value();
    encoder = BpeEncoder::Create(metadata, std::move(pre), vocabulary).value();
  }
  std::vector<TokenId> Encode(std::string_view text) const {
    std::vector<TokenId> tokens;
    encoder->Encode(text, true, tokens);
    return tokens;
  }

  const Vocabulary vocabulary;
  std::unique_ptr<TextEncoder> encoder;
};

TEST(BpeEncoder, MergesByRankWithinWords) {
  // 259 "ab", 260 "bc", 261 "abc", 262 " a"
  const Bpe bpe(BpeMetadata({"b c", "a b", "a bc", "Ġ a"}));
  const auto id = [&](const char* spelling) { return *bpe.vocabulary.Find(spelling); };
  EXPECT_THAT(bpe.Encode("abc"), ElementsAre(id("abc")));
  EXPECT_THAT(bpe.Encode("ab"), ElementsAre(id("ab")));
  EXPECT_THAT(bpe.Encode("a a"), ElementsAre(ByteId('a'), id("Ġa")));
  EXPECT_THAT(bpe.Encode("a\nbc"), ElementsAre(ByteId('a'), ByteId('\n'), id("bc")));
  EXPECT_THAT(bpe.Encode(""), ElementsAre());
}

TEST(BpeEncoder, TakesWholeWordsWhereTheRowSaysSo) {
  // "abc" is a token, but no merge leads to it.
  for (const auto& [pre, whole] : {std::pair("llama-bpe", true), std::pair("dbrx", false)}) {
    const Bpe bpe(BpeMetadata({"a b"}, pre).AddToken("abc", kNormalType));
    EXPECT_EQ(bpe.Encode("abc").size(), whole ? 1U : 2U) << pre;
  }
}

TEST(BpeEncoder, NeverMergesIntoAControlToken) {
  for (const int64_t type : {kControlType, kUnknownType}) {
    for (const char* pre : {"gpt-2", "llama-bpe"}) {
      MetadataBuilder builder = BpeMetadata({"a b", "b c"}, pre);
      builder.Get<std::vector<int64_t>>("token_type")[259] = type;
      const Bpe bpe(builder);
      EXPECT_THAT(bpe.Encode("ab"), ElementsAre(ByteId('a'), ByteId('b')));
      EXPECT_THAT(bpe.Encode("abc"), ElementsAre(ByteId('a'), 260));
    }
  }
}

TEST(BpeEncoder, SpellsWhatIsNoTokenInBytes) {
  MetadataBuilder builder = BpeMetadata({"a b"});
  builder.Get<std::vector<std::string>>("tokens")[259] = "other";
  EXPECT_THAT(Bpe(builder).Encode("ab"), ElementsAre(ByteId('a'), ByteId('b')));
  // A byte without a token is left out.
  builder = BpeMetadata({});
  builder.Get<std::vector<std::string>>("tokens")[static_cast<size_t>(ByteId('b'))] = "other";
  EXPECT_THAT(Bpe(builder).Encode("abc"), ElementsAre(ByteId('a'), ByteId('c')));
}

TEST(BpeEncoder, DecodesToTheTextThatItEncoded) {
  std::mt19937 random(11);
  for (const char* pre : {"gpt-2", "llama-bpe", "deepseek-llm", "default"}) {
    const Bpe bpe(BpeMetadata({"Ġ T", "h e", "ĠT he", "1 2", "Ġ Ġ", "Ċ Ċ", "Ã ©", "a b"}, pre));
    for (int round = 0; round < 500; ++round) {
      const std::string text = round % 2 == 0 ? RandomText(random) : RandomBytes(random);
      std::string decoded;
      for (const TokenId token : bpe.Encode(text)) decoded += bpe.encoder->Bytes(token);
      ASSERT_EQ(decoded, text) << pre;
    }
  }
}

TEST(BpeEncoder, DecodesByKind) {
  const Bpe bpe(BpeMetadata({})
                    .AddToken("Ġu", kUserDefinedType)
                    .AddToken("<0x41>", kByteType)
                    .AddToken("Ġx", kUnusedType));
  EXPECT_EQ(bpe.encoder->Bytes(ByteId(' ')), " ");
  EXPECT_EQ(bpe.encoder->Bytes(259), "Ġu");  // user-defined tokens are spelled as they read
  EXPECT_EQ(bpe.encoder->Bytes(260), "A");
  EXPECT_EQ(bpe.encoder->Bytes(261), " x");
}

TEST(BpeEncoder, RefusesMalformedMerges) {
  const auto refusal = [](const MetadataBuilder& builder) {
    const format::Metadata metadata = builder.Build();
    const Vocabulary vocabulary = Vocabulary::Load(metadata, {}).value();
    const auto encoder =
        BpeEncoder::Create(metadata, PreTokenizer::Create("gpt-2").value(), vocabulary);
    return encoder.ok() ? std::string("accepted") : encoder.status().message();
  };
  EXPECT_THAT(refusal(BpeMetadata({}).Erase("merges")), HasSubstr("tokenizer.ggml.merges"));
  EXPECT_THAT(refusal(BpeMetadata({}).Set("merges", uint64_t{1})),
              HasSubstr("tokenizer.ggml.merges"));
  const std::string longest(kMaxTokenBytes, 'x');
  for (const std::string& merge :
       {std::string(), std::string(" "), std::string("ab"), std::string("a "), std::string(" b"),
        longest + " " + longest + "x"}) {
    const std::vector<std::string> merges = {"a b", merge};
    EXPECT_THAT(refusal(BpeMetadata({}).Set("merges", merges)),
                HasSubstr("tokenizer.ggml.merges[1]"))
        << merge;
  }
}

}  // namespace
}  // namespace moira::engine
