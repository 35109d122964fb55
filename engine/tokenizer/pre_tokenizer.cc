#include "engine/tokenizer/pre_tokenizer.h"

#include <string>
#include <utility>

#include "engine/tokenizer/utf8.h"

namespace moira::engine {
namespace {

// Stands for an ill-formed byte while the words are looked for: one byte long, so that offsets
// stay, and in a class (Cc) that no pattern names.
constexpr char kIllFormedByte = '\x1A';

bool IsWellFormed(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = ReadUtf8(text.substr(at));
    if (!character.valid) return false;
    at += character.length;
  }
  return true;
}

std::string WithIllFormedBytesReplaced(std::string_view text) {
  std::string replaced(text);
  for (size_t at = 0; at < text.size();) {
    const Utf8Character character = ReadUtf8(text.substr(at));
    if (!character.valid) replaced[at] = kIllFormedByte;
    at += character.length;
  }
  return replaced;
}

std::string KnownNames() {
  std::string names;
  for (const PreTokenizerRow& row : PreTokenizerTable()) {
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

}  // namespace

PreTokenizer::PreTokenizer(const PreTokenizerRow& row, std::vector<Regex> patterns)
    : row_(&row), patterns_(std::move(patterns)) {}

Result<PreTokenizer> PreTokenizer::Create(std::string_view name) {
  const PreTokenizerRow* row = FindPreTokenizer(name);
  if (row == nullptr) {
    return Unsupported("tokenizer.ggml.pre: pre-tokenizer '" + std::string(name.substr(0, 64)) +
                       "' is not known; known are " + KnownNames());
  }
  std::vector<Regex> patterns;
  for (const std::string_view pattern : row->patterns) {
    MOIRA_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(pattern));
    patterns.push_back(std::move(regex));
  }
  return PreTokenizer(*row, std::move(patterns));
}

std::vector<TextRange> PreTokenizer::Split(std::string_view text) const {
  std::string replaced;
  if (!IsWellFormed(text)) {
    replaced = WithIllFormedBytesReplaced(text);
    text = replaced;
  }
  std::vector<TextRange> words = {{0, text.size()}};
  for (const Regex& pattern : patterns_) words = pattern.Split(text, words);
  return words;
}

}  // namespace moira::engine
