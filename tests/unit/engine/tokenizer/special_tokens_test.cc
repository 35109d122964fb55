#include "engine/tokenizer/special_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/engine/tokenizer/metadata_builder.h"

namespace moira::engine {
namespace {

using ::testing::ElementsAre;

// Tokens 259 and up: <|a|> and <|a|>b are control, <u> and <u><u> user-defined.
class SpecialTokensTest : public ::testing::Test {
 protected:
  SpecialTokensTest()
      : vocabulary_(Vocabulary::Load(BpeMetadata({})
                                         .AddToken("<|a|>", kControlType)
                                         .AddToken("<|a|>b", kControlType)
                                         .AddToken("<u>", kUserDefinedType)
                                         .AddToken("<u><u>", kUserDefinedType)
                                         .Build(),
                                     {})
                        .value()) {}

  // Fragments as "text" or "#id".
  std::vector<std::string> Split(const std::string& text, const EncodeOptions& options,
                                 bool strips_right = false) const {
    std::vector<std::string> parts;
    for (const Fragment& fragment : SpecialTokens(vocabulary_, strips_right).Split(text, options)) {
      parts.push_back(fragment.token ? "#" + std::to_string(*fragment.token)
                                     : text.substr(fragment.range.begin,
                                                   fragment.range.end - fragment.range.begin));
    }
    return parts;
  }

  const EncodeOptions plain_{};
  const EncodeOptions parse_{.parse_special = true};
  Vocabulary vocabulary_;
};

TEST_F(SpecialTokensTest, FindsControlTokensOnlyWhenAsked) {
  EXPECT_THAT(Split("x<|a|>y<s>", plain_), ElementsAre("x<|a|>y<s>"));
  EXPECT_THAT(Split("x<|a|>y<s>", parse_), ElementsAre("x", "#259", "y", "#1"));
  EXPECT_THAT(Split("<unk>", plain_), ElementsAre("<unk>"));
  EXPECT_THAT(Split("<unk>", parse_), ElementsAre("#0"));
}

TEST_F(SpecialTokensTest, AlwaysFindsUserDefinedTokens) {
  EXPECT_THAT(Split("a<u>b", plain_), ElementsAre("a", "#261", "b"));
}

TEST_F(SpecialTokensTest, PrefersTheLeftmostThenTheLongest) {
  EXPECT_THAT(Split("<|a|>b<|a|>c", parse_), ElementsAre("#260", "#259", "c"));
  EXPECT_THAT(Split("<u><u><u>", plain_), ElementsAre("#262", "#261"));
  EXPECT_THAT(Split("<|a|", parse_), ElementsAre("<|a|"));
  EXPECT_THAT(Split("<<|a|>", parse_), ElementsAre("<", "#259"));
}

TEST_F(SpecialTokensTest, ReadsNoControlTokenThatTouchesAnUntrustedRange) {
  const std::string text = "<|a|><|a|>b<u>";
  const auto untrusted = [&](size_t begin, size_t end) {
    static TextRange range;
    range = {begin, end};
    return EncodeOptions{.parse_special = true, .untrusted = {&range, 1}};
  };
  EXPECT_THAT(Split(text, untrusted(0, 14)), ElementsAre("<|a|><|a|>b", "#261"));
  EXPECT_THAT(Split(text, untrusted(0, 1)), ElementsAre("<|a|>", "#260", "#261"));
  EXPECT_THAT(Split(text, untrusted(4, 5)), ElementsAre("<|a|>", "#260", "#261"));
  // The longer token reaches into the range, the shorter one ends before it.
  EXPECT_THAT(Split(text, untrusted(10, 11)), ElementsAre("#259", "#259", "b", "#261"));
  // Between the two tokens there is no byte.
  EXPECT_THAT(Split(text, untrusted(5, 5)), ElementsAre("#259", "#260", "#261"));
}

TEST_F(SpecialTokensTest, LooksAtEveryUntrustedRange) {
  const std::vector<TextRange> ranges = {{0, 1}, {6, 7}, {13, 20}};
  const EncodeOptions options{.parse_special = true, .untrusted = ranges};
  EXPECT_THAT(Split("x<|a|>y<|a|>zz<|a|>z", options),
              ElementsAre("x", "#259", "y", "#259", "zz<|a|>z"));
}

TEST_F(SpecialTokensTest, StripsSpaceBehindTokensOfPhi3) {
  EXPECT_THAT(Split("<|a|> \n x<s> y</s>  ", parse_, true),
              ElementsAre("#259", "x", "#1", " y", "#2"));
  EXPECT_THAT(Split("<|a|> x", parse_, false), ElementsAre("#259", " x"));
}

}  // namespace
}  // namespace moira::engine
