#include "engine/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>

#include "tests/unit/engine/tokenizer/metadata_builder.h"
#include "tests/unit/engine/tokenizer/random_text.h"

namespace moira::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Tokenizer> Make(const MetadataBuilder& builder) {
  return Tokenizer::Create(builder.Build()).value();
}

constexpr EncodeOptions kPlain{.add_special = false};
constexpr EncodeOptions kParse{.add_special = false, .parse_special = true};
constexpr EncodeOptions kAll{.add_special = true, .parse_special = true};

TEST(Tokenizer, RefusesWhatItDoesNotKnow) {
  const auto refusal = [](const MetadataBuilder& builder) {
    return Tokenizer::Create(builder.Build()).status();
  };
  EXPECT_EQ(refusal(BpeMetadata({}).Erase("model")).code(), StatusCode::kInvalidData);
  const Status model = refusal(BpeMetadata({}).Set("model", std::string("bert")));
  EXPECT_EQ(model.code(), StatusCode::kUnsupported);
  EXPECT_THAT(model.message(), HasSubstr("'bert' is not known; known are gpt2, llama"));
  const Status pre = refusal(BpeMetadata({}, "nonesuch"));
  EXPECT_EQ(pre.code(), StatusCode::kUnsupported);
  EXPECT_THAT(pre.message(), HasSubstr("tokenizer.ggml.pre"));
}

TEST(Tokenizer, TakesTheDefaultPreTokenizerWhereNoneIsNamed) {
  // Only "default" cuts "=1" off before it looks for words.
  const auto tokenizer = Make(BpeMetadata({"a ="}).Erase("pre"));
  EXPECT_THAT(tokenizer->Encode("a=", kPlain), ElementsAre(ByteId('a'), ByteId('=')));
}

TEST(Tokenizer, AddsBosAndEosWhereTheFileSaysSo) {
  MetadataBuilder builder = BpeMetadata({});
  EXPECT_THAT(Make(builder)->Encode("a", {}), ElementsAre(ByteId('a')));
  builder.Set("add_bos_token", true).Set("add_eos_token", true);
  const auto tokenizer = Make(builder);
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_TRUE(tokenizer->adds_eos());
  EXPECT_THAT(tokenizer->Encode("a", {}), ElementsAre(1, ByteId('a'), 2));
  EXPECT_THAT(tokenizer->Encode("", {}), ElementsAre(1, 2));
  EXPECT_THAT(tokenizer->Encode("a", kPlain), ElementsAre(ByteId('a')));
  EXPECT_TRUE(Make(BpeMetadata({}, "llama-bpe"))->adds_bos());
  EXPECT_TRUE(Make(SpmMetadata({}))->adds_bos());
}

TEST(Tokenizer, AddsNoSecondBosOrEos) {
  const auto tokenizer =
      Make(BpeMetadata({}).Set("add_bos_token", true).Set("add_eos_token", true));
  EXPECT_THAT(tokenizer->Encode("<s>a</s>", kAll), ElementsAre(1, ByteId('a'), 2));
  EXPECT_THAT(tokenizer->Encode("<s>", kAll), ElementsAre(1, 2));
  // Two that the text itself has stay two; one that is not read as a token is no BOS.
  EXPECT_THAT(tokenizer->Encode("<s><s>", kAll), ElementsAre(1, 1, 2));
  EXPECT_EQ(tokenizer->Encode("<s>", {}).size(), 5U);
  const TextRange untrusted = {0, 3};
  EXPECT_EQ(tokenizer->Encode("<s>", {true, true, {&untrusted, 1}}).size(), 5U);
}

TEST(Tokenizer, GivesControlTokensNoTextUnlessAsked) {
  const auto tokenizer = Make(BpeMetadata({"h i"}).AddToken("<u>", kUserDefinedType));
  const std::vector<TokenId> tokens = tokenizer->Encode("<s>hi<u></s>", kParse);
  EXPECT_THAT(tokens, ElementsAre(1, 259, 260, 2));
  EXPECT_EQ(tokenizer->Decode(tokens, false), "hi<u>");
  EXPECT_EQ(tokenizer->Decode(tokens, true), "<s>hi<u></s>");
  EXPECT_EQ(tokenizer->TokenText(0, false), "");
  EXPECT_EQ(tokenizer->TokenText(0, true), "<unk>");
}

TEST(Tokenizer, AnswersForIdsOutsideTheVocabulary) {
  const auto tokenizer = Make(BpeMetadata({}));
  for (const TokenId token : {-1, 259, 1 << 30}) {
    EXPECT_EQ(tokenizer->TokenText(token, true), "");
    EXPECT_EQ(tokenizer->kind(token), TokenKind::kUnknown);
    EXPECT_FALSE(tokenizer->IsEndOfGeneration(token));
  }
}

TEST(Tokenizer, DropsOneSpaceBeforeTheFirstSpmWord) {
  const auto tokenizer = Make(SpmMetadata({"▁a", "▁", "a"}));
  const std::vector<TokenId> word = tokenizer->Encode("a", {});
  EXPECT_THAT(word, ElementsAre(1, 259));
  EXPECT_EQ(tokenizer->Decode(word), "a");
  EXPECT_EQ(tokenizer->TokenText(259, false), " a");
  for (const char* text : {" a", "  ", " ", "", "a a"}) {
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text, {})), text);
  }
  // After a special token text starts anew, and its space stays.
  EXPECT_THAT(tokenizer->Encode("a</s>a", kParse), ElementsAre(259, 2, 259));
}

TEST(Tokenizer, StripsSpaceForPhi3ByItsName) {
  MetadataBuilder builder = SpmMetadata({"a"}).AddToken("<|user|>", kControlType);
  EXPECT_THAT(Make(builder.Set("add_space_prefix", false).SetName("Phi-3 mini"))
                  ->Encode("<|user|> a", kParse),
              ElementsAre(260, 259));
  EXPECT_EQ(Make(builder.SetName("Llama"))->Encode("<|user|> a", kParse).size(), 5U);
}

// Whatever the text, and however it is cut into trusted and untrusted parts: no control token comes
// out that the trusted parts did not spell.
TEST(Tokenizer, ReadsNoControlTokenOutOfUntrustedText) {
  const std::vector<std::string> pieces = {"<",      "s",   ">",    "<s",         "</",
                                           "</s",    "|",   "im",   "<|im_end|>", "<|im",
                                           "_end|>", "<s>", "</s>", "<unk>",      " "};
  // Merges and pieces that lead to the control tokens' spellings.
  MetadataBuilder bpe = BpeMetadata({"< s", "< /", "</ s"});
  bpe.AddToken("<|im_end|>", kControlType).Get<std::vector<std::string>>("merges") = {
      "< s", "< /",   "</ s", "<s >",    "</s >",      "< |",
      "| >", "<| im", "i m",  "im _end", "<|im_end |>"};
  MetadataBuilder spm = SpmMetadata({"<s", "</", "</s", "<|", "<|im", "|>", "_end|>", "im"});
  spm.AddToken("<|im_end|>", kControlType, 5);
  std::mt19937 random(17);
  for (const MetadataBuilder& builder : {bpe, spm}) {
    const auto tokenizer = Make(builder);
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      std::vector<TextRange> untrusted;
      size_t trusted_tokens = 0;
      for (size_t i = random() % 6; i > 0; --i) {
        if (random() % 3 == 0) {
          text += random() % 2 == 0 ? "<s>" : "<|im_end|>";
          ++trusted_tokens;
        }
        const size_t begin = text.size();
        text += RandomText(random, pieces) + "<s>" + pieces[random() % pieces.size()];
        untrusted.push_back({begin, text.size()});
      }
      size_t control_tokens = 0;
      for (const TokenId token : tokenizer->Encode(text, {false, true, untrusted})) {
        const TokenKind kind = tokenizer->kind(token);
        control_tokens += kind == TokenKind::kControl || kind == TokenKind::kUnknown;
      }
      ASSERT_EQ(control_tokens, trusted_tokens) << text;
    }
  }
}

// Quadratic work on these would take hours, so that the test ends is part of what it asserts.
TEST(Tokenizer, TakesLongTextsInStride) {
  constexpr size_t kCount = 1'000'000;
  const auto bpe = Make(BpeMetadata({"a a", "aa aa", "Ġ Ġ", "ĠĠ ĠĠ", "Ì ģ"}, "llama-bpe"));
  const auto spm = Make(SpmMetadata({"aaaa", "aa", "a", "▁▁▁▁", "▁▁", "▁"}));
  for (const std::string& text :
       {Repeat("a", kCount), Repeat(" ", kCount), Repeat("e\xCC\x81", kCount / 3),
        Repeat("\xF0\x9F\xA6\x99", kCount / 4), Repeat("<s>", kCount / 3), Repeat("\xFF", kCount),
        Repeat("<", kCount)}) {
    EXPECT_EQ(bpe->Decode(bpe->Encode(text, kPlain)), text);
    EXPECT_EQ(spm->Decode(spm->Encode(text, kPlain)), text);
    EXPECT_FALSE(spm->Encode(text, kAll).empty());
  }
  EXPECT_EQ(bpe->Encode(Repeat("a", kCount), kPlain).size(), kCount / 4);
}

TEST(Tokenizer, EncodesTheSameInEveryThread) {
  const auto tokenizer = Make(BpeMetadata({"Ġ T", "h e", "ĠT he", "1 2"}, "gpt-4o"));
  std::mt19937 random(19);
  std::vector<std::string> texts(200);
  std::vector<std::vector<TokenId>> expected;
  for (std::string& text : texts) {
    text = RandomText(random);
    expected.push_back(tokenizer->Encode(text, kParse));
  }
  std::vector<std::thread> threads;
  std::vector<size_t> equal(4, 0);
  for (size_t& count : equal) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < texts.size(); ++i) {
        count += tokenizer->Encode(texts[i], kParse) == expected[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t count : equal) EXPECT_EQ(count, texts.size());
}

}  // namespace
}  // namespace moira::engine
