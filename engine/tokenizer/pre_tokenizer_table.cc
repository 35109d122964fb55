#include "engine/tokenizer/pre_tokenizer_table.h"

#include <algorithm>
#include <iterator>

// The patterns are those of each model's tokenizer.json (for "default" and the llama.cpp-only
// names: of llama.cpp's table), written so that PCRE2 reads them: the case-insensitive groups are
// spelled out, since case folding there would let U+017F stand for an s, and nothing in them can
// backtrack more than once over a run. `gpt-4o` and `tekken` use the letter categories of the
// models, where llama.cpp only tells apart the case of ASCII letters.
namespace moira::engine {
namespace {

using Patterns = std::string_view[];

#define MOIRA_CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define MOIRA_GPT2_WORDS R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"
#define MOIRA_LINES_AND_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define MOIRA_MARKS_AND_SPACES R"(| ?[^\s\p{L}\p{N}]+[\r\n]*)" MOIRA_LINES_AND_SPACES
// Letters that can come before the last capital of a word, and after it.
#define MOIRA_UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define MOIRA_LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
// The same without Han: what is in neither of the complements.
#define MOIRA_UPPER_NOT_HAN R"([^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}])"
#define MOIRA_LOWER_NOT_HAN R"([^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}])"

constexpr Patterns kGpt2 = {MOIRA_GPT2_WORDS};
constexpr Patterns kDigitsApart = {R"(\p{N})", MOIRA_GPT2_WORDS};
constexpr Patterns kLlama3 = {MOIRA_CONTRACTION
                              R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})" MOIRA_MARKS_AND_SPACES};
constexpr Patterns kQwen2 = {MOIRA_CONTRACTION
                             R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})" MOIRA_MARKS_AND_SPACES};
constexpr Patterns kQwen35 = {
    MOIRA_CONTRACTION
    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)" MOIRA_LINES_AND_SPACES};
constexpr Patterns kLaguna = {R"([^\n]+|\n+)", kQwen2[0]};
constexpr Patterns kSeedCoder = {
    MOIRA_CONTRACTION
    R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+)" MOIRA_LINES_AND_SPACES};
constexpr Patterns kBailing = {
    R"('(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"};
constexpr Patterns kGpt4o = {
    R"([^\r\n\p{L}\p{N}]?)" MOIRA_UPPER "*" MOIRA_LOWER "+" MOIRA_CONTRACTION
    "?"
    R"(|[^\r\n\p{L}\p{N}]?)" MOIRA_UPPER "+" MOIRA_LOWER "*" MOIRA_CONTRACTION
    "?"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" MOIRA_LINES_AND_SPACES};
constexpr Patterns kTekken = {R"([^\r\n\p{L}\p{N}]?)" MOIRA_UPPER "*" MOIRA_LOWER
                              "+"
                              R"(|[^\r\n\p{L}\p{N}]?)" MOIRA_UPPER "+" MOIRA_LOWER
                              "*"
                              R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" MOIRA_LINES_AND_SPACES};
constexpr Patterns kKimiK2 = {
    R"(\p{Han}+)"
    R"(|[^\r\n\p{L}\p{N}]?)" MOIRA_UPPER_NOT_HAN "*" MOIRA_LOWER_NOT_HAN "+" MOIRA_CONTRACTION
    "?"
    R"(|[^\r\n\p{L}\p{N}]?)" MOIRA_UPPER_NOT_HAN "+" MOIRA_LOWER_NOT_HAN "*" MOIRA_CONTRACTION
    "?"
    R"(|\p{N}{1,3})" MOIRA_MARKS_AND_SPACES};
// The cased letters are those of the Unicode version that the model was made with. (?<!\s) keeps
// the search for trailing space linear where no machine code can be made; it excludes no match, as
// the leftmost one starts its run.
constexpr Patterns kDeepseekLlm = {
    R"([\r\n])",
    R"(\s?[)"
    R"(A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293})"
    R"(\x{295}-\x{2af}\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386})"
    R"(\x{388}-\x{38a}\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5}\x{3f7}-\x{481}\x{48a}-\x{52f})"
    R"(\x{531}-\x{556}\x{10a0}-\x{10c5}\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba})"
    R"(\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b}\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a})"
    R"(\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d}\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d})"
    R"(\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4})"
    R"(\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3})"
    R"(\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107})"
    R"(\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d}\x{2124}\x{2126}\x{2128}\x{212a}-\x{212d})"
    R"(\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184})"
    R"(\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d})"
    R"(\x{a680}-\x{a69b}\x{a722}-\x{a76f}\x{a771}-\x{a787}\x{a78b}-\x{a78e})"
    R"(\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17}\x{ff21}-\x{ff3a})"
    R"(\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb})"
    R"(\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943})"
    R"(]+)",
    R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+)",
    R"((?<!\s)\s+$)",
    R"([\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+)",
    R"(\p{N}+)"};
constexpr Patterns kDeepseekCoder = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                     R"([\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+)",
                                     R"(\p{N})"};
constexpr Patterns kDeepseekV3 = {
    R"(\p{N}{1,3})", R"([\x{4e00}-\x{9fa5}\x{3040}-\x{30ff}]+)",
    R"([!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)" MOIRA_LINES_AND_SPACES};
constexpr Patterns kFalcon = {R"([\p{P}$+<=>^~|`]+)", MOIRA_GPT2_WORDS, "[0-9][0-9][0-9]"};
constexpr Patterns kDefault = {R"([\p{P}$+<=>^~|]+)", MOIRA_GPT2_WORDS, R"(\p{N}+)",
                               "[0-9][0-9][0-9]"};
// The stops are those of Latin, CJK, Devanagari, Urdu and Arabic script.
#define MOIRA_BLOOM_WORDS R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{ff0c}\x{3001}\x{964}\x{6d4}\x{60c})]+)"
constexpr Patterns kBloom = {MOIRA_BLOOM_WORDS};
constexpr Patterns kViking = {MOIRA_BLOOM_WORDS, R"(\p{N})"};

constexpr PreTokenizerRow kTable[] = {
    // GPT-2 and those that took its pattern.
    {"gpt-2", kGpt2},
    {"a.x-4.0", kGpt2},
    {"exaone4", kGpt2},
    {"gigachat", kGpt2},
    {"granite-docling", kGpt2},
    {"jais", kGpt2},
    {"mellum", kGpt2},
    {"mpt", kGpt2},
    {"olmo", kGpt2},
    {"phi-2", kGpt2},
    {"trillion", kGpt2},
    {"codeshell", kDigitsApart},
    {"command-r", kDigitsApart},
    {"exaone", kDigitsApart},
    {"mellum2", kDigitsApart},
    {"minerva-7b", kDigitsApart},
    {"refact", kDigitsApart},
    {"smollm", kDigitsApart},
    {"starcoder", kDigitsApart},
    // Llama 3 and cl100k.
    {"llama-bpe", kLlama3, true, true},
    {"falcon-h1", kLlama3, true, true},
    {"falcon3", kLlama3, true, true},
    {"lfm2", kLlama3, true, true},
    {"llama-v3", kLlama3, true, true},
    {"llama3", kLlama3, true, true},
    {"midm-2.0", kLlama3, true, true},
    {"pixtral", kLlama3, true, true},
    {"chatglm-bpe", kLlama3},
    {"dbrx", kLlama3},
    {"glm4", kLlama3},
    {"smaug-bpe", kLlama3},
    // Qwen.
    {"qwen2", kQwen2},
    {"deepseek-r1-qwen", kQwen2},
    {"grok-2", kQwen2},
    {"hunyuan", kQwen2},
    {"kormo", kQwen2},
    {"megrez", kQwen2},
    {"solar-open", kQwen2},
    {"stablelm2", kQwen2},
    {"qwen35", kQwen35},
    {"laguna", kLaguna},
    {"seed-coder", kSeedCoder},
    {"bailingmoe", kBailing},
    {"bailingmoe2", kBailing},
    {"llada-moe", kBailing},
    // o200k and its kin.
    {"gpt-4o", kGpt4o},
    {"kanana2", kGpt4o},
    {"llama4", kGpt4o},
    {"minimax-m2", kGpt4o},
    {"kimi-k2", kKimiK2},
    {"tekken", kTekken, true, true},
    // DeepSeek.
    {"deepseek-llm", kDeepseekLlm},
    {"deepseek-coder", kDeepseekCoder},
    {"deepseek-v3", kDeepseekV3},
    {"hunyuan-dense", kDeepseekV3},
    {"hy_v4", kDeepseekV3},
    {"joyai-llm", kDeepseekV3},
    // Others.
    {"falcon", kFalcon},
    {"bloom", kBloom},
    {"gpt3-finnish", kBloom},
    {"poro-chat", kBloom},
    {"viking", kViking},
    {"default", kDefault},
};

}  // namespace

std::span<const PreTokenizerRow> PreTokenizerTable() { return kTable; }

const PreTokenizerRow* FindPreTokenizer(std::string_view name) {
  const auto* row = std::find_if(std::begin(kTable), std::end(kTable),
                                 [&](const PreTokenizerRow& r) { return r.name == name; });
  return row == std::end(kTable) ? nullptr : row;
}

}  // namespace moira::engine
