#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/device/status.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// Bounds of what a model file may say about its vocabulary.
inline constexpr size_t kMaxTokens = 1'048'576;
inline constexpr size_t kMaxTokenBytes = 1'024;
inline constexpr size_t kMaxMerges = 4 * kMaxTokens;

// What holds where the file is silent; it depends on the tokenizer model and the pre-tokenizer.
struct VocabularyDefaults {
  bool adds_bos = false;
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unknown;
};

// The tokens of a model file: spelling, kind, score, and which ones are special. Const and
// thread-safe after Load.
class Vocabulary {
 public:
  static Result<Vocabulary> Load(const format::Metadata& metadata,
                                 const VocabularyDefaults& defaults);
  Vocabulary(Vocabulary&&) noexcept = default;
  Vocabulary& operator=(Vocabulary&&) noexcept = default;

  size_t size() const { return spellings_.size(); }
  bool Contains(TokenId token) const {
    return token >= 0 && static_cast<size_t>(token) < spellings_.size();
  }
  // Of tokens that the vocabulary contains:
  const std::string& spelling(TokenId token) const { return spellings_[Index(token)]; }
  TokenKind kind(TokenId token) const { return kinds_[Index(token)]; }
  // Whether merges may lead to the token. Control, unknown and byte tokens are never made out of
  // text that happens to be spelled like them.
  bool IsText(TokenId token) const;
  float score(TokenId token) const { return scores_.empty() ? 0.0F : scores_[Index(token)]; }
  bool has_scores() const { return !scores_.empty(); }
  size_t longest_spelling() const { return longest_spelling_; }

  std::optional<TokenId> Find(std::string_view spelling) const;
  // The same for tokens that are text.
  std::optional<TokenId> FindText(std::string_view spelling) const;

  std::optional<TokenId> bos() const { return bos_; }
  std::optional<TokenId> eos() const { return eos_; }
  std::optional<TokenId> unknown() const { return unknown_; }
  bool adds_bos() const { return adds_bos_; }
  bool adds_eos() const { return adds_eos_; }
  bool IsEndOfGeneration(TokenId token) const;

 private:
  Vocabulary() = default;

  static size_t Index(TokenId token) { return static_cast<size_t>(token); }
  Status LoadSpellings(const format::Metadata& metadata);
  Status LoadKinds(const format::Metadata& metadata);
  Status LoadScores(const format::Metadata& metadata);
  Status LoadSpecialTokens(const format::Metadata& metadata, const VocabularyDefaults& defaults);
  Status LoadEnds(const format::Metadata& metadata);

  std::vector<std::string> spellings_;
  std::vector<TokenKind> kinds_;
  std::vector<float> scores_;  // empty if the file has none
  // Views into spellings_, which is not changed after LoadSpellings.
  std::unordered_map<std::string_view, TokenId> by_spelling_;
  size_t longest_spelling_ = 0;
  std::optional<TokenId> bos_;
  std::optional<TokenId> eos_;
  std::optional<TokenId> unknown_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
  std::vector<TokenId> ends_;  // sorted
};

}  // namespace moira::engine
