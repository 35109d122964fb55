#include "engine/tokenizer/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moira::engine {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Pieces(const std::string& pattern, const std::string& text,
                                const std::vector<TextRange>& ranges) {
  const Result<Regex> regex = Regex::Compile(pattern);
  std::vector<std::string> pieces;
  if (!regex.ok()) return {regex.status().message()};
  for (const TextRange& piece : regex->Split(text, ranges)) {
    pieces.push_back(text.substr(piece.begin, piece.end - piece.begin));
  }
  return pieces;
}

std::vector<std::string> Pieces(const std::string& pattern, const std::string& text) {
  return Pieces(pattern, text, {{0, text.size()}});
}

TEST(Regex, GivesMatchesAndWhatLiesBetween) {
  EXPECT_THAT(Pieces("[0-9]+", "a12b3"), ElementsAre("a", "12", "b", "3"));
  EXPECT_THAT(Pieces("[0-9]+", "12"), ElementsAre("12"));
  EXPECT_THAT(Pieces("[0-9]+", "abc"), ElementsAre("abc"));
  EXPECT_THAT(Pieces("[0-9]+", ""), ElementsAre());
}

TEST(Regex, LookAroundsDoNotSeeOutsideARange) {
  EXPECT_THAT(Pieces(R"(a(?!b))", "ab", {{0, 1}, {1, 2}}), ElementsAre("a", "b"));
  EXPECT_THAT(Pieces(R"((?<!a)b)", "xabx", {{0, 2}, {2, 4}}), ElementsAre("xa", "b", "x"));
}

TEST(Regex, KnowsUnicodeClasses) {
  EXPECT_THAT(Pieces(R"(\p{L}+)", "é世1я"), ElementsAre("é世", "1", "я"));
  EXPECT_THAT(Pieces(R"(\s+)", "a\xC2\xA0\xC2\x85\xE3\x80\x80z"),
              ElementsAre("a", "\xC2\xA0\xC2\x85\xE3\x80\x80", "z"));
  // U+180E left White_Space in Unicode 6.3.
  EXPECT_THAT(Pieces(R"(\s+)", "a\xE1\xA0\x8Ez"), ElementsAre("a\xE1\xA0\x8Ez"));
  EXPECT_THAT(Pieces(R"(\S+)", "a\xE1\xA0\x8Ez"), ElementsAre("a\xE1\xA0\x8Ez"));
}

TEST(Regex, AnEmptyMatchCutsNothing) { EXPECT_THAT(Pieces("x*", "ab"), ElementsAre("ab")); }

TEST(Regex, CoversTheTextWhenTheMatcherGivesUp) {
  const std::string text(3000, 'a');
  EXPECT_THAT(Pieces("(a|aa)+b", text), ElementsAre(text));
}

TEST(Regex, NamesAPatternThatDoesNotCompile) {
  const Result<Regex> regex = Regex::Compile("(");
  ASSERT_FALSE(regex.ok());
  EXPECT_EQ(regex.status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace moira::engine
