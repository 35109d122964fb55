#include "server/api/choice_text.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

engine::GeneratedToken Byte(char c) { return {static_cast<unsigned char>(c), -1.0f, {}}; }

std::string TokenBytes(const std::vector<PlacedToken>& tokens) {
  std::string bytes;
  for (const PlacedToken& token : tokens) bytes += token.bytes;
  return bytes;
}

struct Outcome {
  std::string text;
  std::vector<PlacedToken> tokens;
};

Outcome TextOf(std::string_view bytes, std::vector<std::string> stops) {
  const ByteTokenizer tokenizer;
  ChoiceText choice(tokenizer, std::move(stops), 0, false);
  Outcome outcome;
  const auto take = [&] {
    TextDelta delta = choice.Take();
    // Whole characters only, at every moment.
    Utf8Assembler assembler;
    EXPECT_EQ(assembler.Append(delta.text), delta.text);
    EXPECT_EQ(assembler.held(), 0u);
    outcome.text += delta.text;
    for (PlacedToken& token : delta.tokens) outcome.tokens.push_back(std::move(token));
  };
  for (const char c : bytes) {
    choice.Append(Byte(c));
    take();
  }
  choice.Finish();
  take();
  return outcome;
}

TEST(ChoiceText, ACharacterComesWithTheTokensThatMakeIt) {
  const ByteTokenizer tokenizer;
  ChoiceText choice(tokenizer, {}, 0, false);
  choice.Append(Byte('\xC3'));
  EXPECT_TRUE(choice.Take().empty());
  choice.Append(Byte('\xA9'));
  const TextDelta delta = choice.Take();
  EXPECT_EQ(delta.text, "\xC3\xA9");
  EXPECT_EQ(delta.tokens.size(), 2u);
}

TEST(ChoiceText, TextAndTokensAreAllThereInTheEnd) {
  std::mt19937 random(5);
  const std::string characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "#"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (int i = 0; i < 10; ++i) text += characters[random() % 5];
    const Outcome outcome = TextOf(text, {"#a#a#a#a#"});
    ASSERT_EQ(outcome.text, text);
    ASSERT_EQ(TokenBytes(outcome.tokens), text);
  }
}

TEST(ChoiceText, AStopStringTakesItsTokensAlong) {
  const Outcome outcome = TextOf("abcENDdef", {"END"});
  EXPECT_EQ(outcome.text, "abc");
  EXPECT_EQ(TokenBytes(outcome.tokens), "abc");
}

TEST(ChoiceText, HeldBackTextComesWithItsTokensWhenNothingFollows) {
  const Outcome outcome = TextOf("abcEN", {"END"});
  EXPECT_EQ(outcome.text, "abcEN");
  EXPECT_EQ(TokenBytes(outcome.tokens), "abcEN");
}

TEST(ChoiceText, OffsetsCountCharacters) {
  const ByteTokenizer tokenizer;
  ChoiceText choice(tokenizer, {}, 10, false);
  for (const char c : std::string_view("\xC3\xA9z")) choice.Append(Byte(c));
  const TextDelta delta = choice.Take();
  ASSERT_EQ(delta.tokens.size(), 3u);
  EXPECT_EQ(delta.tokens[0].text_offset, 10u);
  EXPECT_EQ(delta.tokens[2].text_offset, 11u);
}

TEST(ChoiceText, BrokenCharactersAreReplaced) {
  EXPECT_EQ(TextOf("a\xE2\x82", {}).text, "a\xEF\xBF\xBD");
}

TEST(ChoiceText, EndTokensAreOnlyShownWhenTheyDoNotEnd) {
  const ByteTokenizer tokenizer;
  ChoiceText quiet(tokenizer, {}, 0, false);
  quiet.Append({ByteTokenizer::kEnd, -1.0f, {}});
  EXPECT_TRUE(quiet.Take().empty());
  ChoiceText shown(tokenizer, {}, 0, true);
  shown.Append({ByteTokenizer::kEnd, -1.0f, {}});
  EXPECT_EQ(shown.Take().tokens.size(), 1u);
}

}  // namespace
}  // namespace moira::server
