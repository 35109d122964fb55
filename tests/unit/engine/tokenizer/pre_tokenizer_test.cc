#include "engine/tokenizer/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/engine/tokenizer/random_text.h"

namespace moira::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Words(std::string_view name, const std::string& text) {
  const Result<PreTokenizer> pre_tokenizer = PreTokenizer::Create(name);
  if (!pre_tokenizer.ok()) return {pre_tokenizer.status().message()};
  std::vector<std::string> words;
  for (const TextRange& word : pre_tokenizer->Split(text)) {
    words.push_back(text.substr(word.begin, word.end - word.begin));
  }
  return words;
}

TEST(PreTokenizer, CutsAsGpt2Does) {
  EXPECT_THAT(Words("gpt-2", "It's  2024,\tcafé \n"),
              ElementsAre("It", "'s", " ", " 2024", ",", "\t", "café", " \n"));
  EXPECT_THAT(Words("gpt-2", "IT'S"), ElementsAre("IT", "'", "S"));
  EXPECT_THAT(Words("smollm", "a 123"), ElementsAre("a", " ", "1", "2", "3"));
}

TEST(PreTokenizer, CutsAsLlama3AndQwenDo) {
  EXPECT_THAT(Words("llama-bpe", "IT'S 12345 (x)\n\n  y"),
              ElementsAre("IT", "'S", " ", "123", "45", " (", "x", ")\n\n", " ", " y"));
  EXPECT_THAT(Words("qwen2", "a 123\r\n"), ElementsAre("a", " ", "1", "2", "3", "\r\n"));
  const std::string hindi = "\xE0\xA4\x95\xE0\xA4\xBF";  // a letter with a vowel sign
  EXPECT_THAT(Words("qwen2", hindi), ElementsAre(hindi.substr(0, 3), hindi.substr(3)));
  EXPECT_THAT(Words("qwen35", hindi), ElementsAre(hindi));
}

TEST(PreTokenizer, CutsAsO200kAndItsKinDo) {
  EXPECT_THAT(Words("gpt-4o", "HTMLParser's ÉCOLE naïveÉ a//\n"),
              ElementsAre("HTMLParser's", " ÉCOLE", " naïve", "É", " a", "//\n"));
  EXPECT_THAT(Words("tekken", "Don't 12"), ElementsAre("Don", "'t", " ", "1", "2"));
  EXPECT_THAT(Words("kimi-k2", "abc世界мир 12345"),
              ElementsAre("abc", "世界", "мир", " ", "123", "45"));
}

TEST(PreTokenizer, CutsAsDeepseekDoes) {
  EXPECT_THAT(Words("deepseek-llm", "Hi, 世界 42\nx  "),
              ElementsAre("Hi", ",", " ", "世界", " ", "42", "\n", "x", "  "));
  EXPECT_THAT(Words("deepseek-coder", "a1\n b"), ElementsAre("a", "1", "\n", " b"));
  EXPECT_THAT(Words("deepseek-v3", "x.y 12345世"), ElementsAre("x", ".y", " ", "123", "45", "世"));
}

TEST(PreTokenizer, TakesIllFormedBytesForNoKindOfCharacter) {
  EXPECT_THAT(Words("gpt-2",
                    "a\xFF\xC3 b\x80"
                    "1"),
              ElementsAre("a", "\xFF\xC3", " b", "\x80", "1"));
  EXPECT_THAT(Words("default", "!\xFF!"), ElementsAre("!", "\xFF", "!"));
}

TEST(PreTokenizer, KeepsTheBytesOfTheTextInEveryRow) {
  std::mt19937 random(3);
  std::set<std::string_view> names;
  for (const PreTokenizerRow& row : PreTokenizerTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name << " is listed twice";
    const Result<PreTokenizer> pre_tokenizer = PreTokenizer::Create(row.name);
    ASSERT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status().message();
    for (int round = 0; round < 200; ++round) {
      const std::string text = RandomText(random) + RandomBytes(random);
      size_t end = 0;
      for (const TextRange& word : pre_tokenizer->Split(text)) {
        ASSERT_EQ(word.begin, end) << row.name;
        ASSERT_GT(word.end, word.begin) << row.name;
        end = word.end;
      }
      ASSERT_EQ(end, text.size()) << row.name;
    }
  }
}

// Quadratic matching of a megabyte would take hours, so that this ends is the assertion; that the
// words are as expected shows that no limit cut the matching short.
TEST(PreTokenizer, StaysLinearOnLongRuns) {
  constexpr size_t kCount = 300'000;
  const std::string runs[] = {
      Repeat("a", kCount),   Repeat("A", kCount),        Repeat(" ", kCount),
      Repeat("\n ", kCount), Repeat("1", kCount),        Repeat("'", kCount),
      Repeat("世", kCount),  Repeat("\xCC\x81", kCount), Repeat("\xFF", kCount)};
  for (const char* name : {"gpt-2", "llama-bpe", "qwen35", "gpt-4o", "kimi-k2", "deepseek-llm",
                           "deepseek-v3", "falcon", "bloom", "default"}) {
    for (const std::string& run : runs) {
      // The second end makes every pattern for trailing space fail on the run of spaces.
      for (const char* end : {"\n.x", "世.x"}) {
        const std::vector<std::string> words = Words(name, run + end);
        ASSERT_GE(words.size(), 2U) << name;
        EXPECT_LE(words.back().size(), 3U) << name;
      }
    }
  }
}

TEST(PreTokenizer, RefusesAnUnknownNameAndSaysWhichAreKnown) {
  const Result<PreTokenizer> pre_tokenizer = PreTokenizer::Create("nonesuch");
  ASSERT_FALSE(pre_tokenizer.ok());
  EXPECT_EQ(pre_tokenizer.status().code(), StatusCode::kUnsupported);
  EXPECT_THAT(pre_tokenizer.status().message(), HasSubstr("tokenizer.ggml.pre"));
  EXPECT_THAT(pre_tokenizer.status().message(), HasSubstr("nonesuch"));
  EXPECT_THAT(pre_tokenizer.status().message(), HasSubstr("llama-bpe"));
}

}  // namespace
}  // namespace moira::engine
