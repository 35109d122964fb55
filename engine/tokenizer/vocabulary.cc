#include "engine/tokenizer/vocabulary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "cache/format/gguf.h"
#include "engine/tokenizer/byte_map.h"
#include "engine/tokenizer/end_tokens.h"

namespace moira::engine {
namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTokenTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";

// `tokenizer.ggml.token_type` counts from 1 in this order.
constexpr std::array<TokenKind, 6> kKindsByType = {TokenKind::kNormal,  TokenKind::kUnknown,
                                                   TokenKind::kControl, TokenKind::kUserDefined,
                                                   TokenKind::kUnused,  TokenKind::kByte};

std::string Element(std::string_view key, size_t index) {
  return std::string(key) + "[" + std::to_string(index) + "]";
}

Status CheckCount(std::string_view key, size_t count, size_t tokens) {
  if (count == tokens) return {};
  return InvalidData(std::string(key) + ": " + std::to_string(count) + " entries, but " +
                     std::string(kTokens) + " has " + std::to_string(tokens));
}

// The id under `key`, or `missing` where the file has none and that is a token.
Result<std::optional<TokenId>> ReadId(const format::Metadata& metadata, std::string_view key,
                                      size_t tokens, std::optional<TokenId> missing = {}) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<uint64_t> id, metadata.Unsigned(key, 0, tokens - 1));
  if (id) return std::optional<TokenId>(static_cast<TokenId>(*id));
  if (missing && static_cast<size_t>(*missing) >= tokens) missing.reset();
  return missing;
}

// Whether BOS or EOS is added. A file that asks for it must say which token it is.
Result<bool> ReadAdd(const format::Metadata& metadata, std::string_view add_key,
                     std::string_view id_key, const std::optional<TokenId>& id, bool missing) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<bool> add, metadata.Bool(add_key));
  if (add.value_or(false) && !id) {
    return InvalidData(std::string(add_key) + " is true, but " + std::string(id_key) +
                       " is not there");
  }
  return add.value_or(missing) && id.has_value();
}

}  // namespace

Result<Vocabulary> Vocabulary::Load(const format::Metadata& metadata,
                                    const VocabularyDefaults& defaults) {
  Vocabulary vocabulary;
  MOIRA_RETURN_IF_ERROR(vocabulary.LoadSpellings(metadata));
  MOIRA_RETURN_IF_ERROR(vocabulary.LoadKinds(metadata));
  MOIRA_RETURN_IF_ERROR(vocabulary.LoadScores(metadata));
  MOIRA_RETURN_IF_ERROR(vocabulary.LoadSpecialTokens(metadata, defaults));
  MOIRA_RETURN_IF_ERROR(vocabulary.LoadEnds(metadata));
  return vocabulary;
}

Status Vocabulary::LoadSpellings(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::vector<std::string>* const tokens, metadata.Strings(kTokens));
  if (tokens == nullptr) return InvalidData(std::string(kTokens) + " is not there");
  if (tokens->empty() || tokens->size() > kMaxTokens) {
    return InvalidData(std::string(kTokens) + ": " + std::to_string(tokens->size()) +
                       " tokens, want 1 to " + std::to_string(kMaxTokens));
  }
  spellings_ = *tokens;
  by_spelling_.reserve(spellings_.size());
  for (size_t i = 0; i < spellings_.size(); ++i) {
    const std::string& spelling = spellings_[i];
    if (spelling.empty() || spelling.size() > kMaxTokenBytes) {
      return InvalidData(Element(kTokens, i) + ": " + std::to_string(spelling.size()) +
                         " bytes, want 1 to " + std::to_string(kMaxTokenBytes));
    }
    const auto [other, is_new] = by_spelling_.emplace(spelling, static_cast<TokenId>(i));
    if (!is_new) {
      return InvalidData(Element(kTokens, i) + ": the same text as token " +
                         std::to_string(other->second));
    }
    longest_spelling_ = std::max(longest_spelling_, spelling.size());
  }
  return {};
}

Status Vocabulary::LoadKinds(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::vector<int64_t>> types,
                         metadata.Integers(kTokenTypes));
  kinds_.assign(size(), TokenKind::kNormal);
  if (!types) return {};
  MOIRA_RETURN_IF_ERROR(CheckCount(kTokenTypes, types->size(), size()));
  for (size_t i = 0; i < size(); ++i) {
    const int64_t type = (*types)[i];
    if (type < 1 || type > static_cast<int64_t>(kKindsByType.size())) {
      return InvalidData(Element(kTokenTypes, i) + ": " + std::to_string(type) + ", want 1 to " +
                         std::to_string(kKindsByType.size()));
    }
    kinds_[i] = kKindsByType[static_cast<size_t>(type - 1)];
    if (kinds_[i] == TokenKind::kByte && !ParseByteToken(spellings_[i])) {
      return InvalidData(Element(kTokens, i) + ": a byte token must be spelled <0xNN>");
    }
  }
  return {};
}

Status Vocabulary::LoadScores(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::vector<double>> scores, metadata.Floats(kScores));
  if (!scores) return {};
  MOIRA_RETURN_IF_ERROR(CheckCount(kScores, scores->size(), size()));
  scores_.resize(size());
  for (size_t i = 0; i < size(); ++i) {
    scores_[i] = static_cast<float>((*scores)[i]);
    if (!std::isfinite(scores_[i])) {
      return InvalidData(Element(kScores, i) + ": not a finite number");
    }
  }
  return {};
}

Status Vocabulary::LoadSpecialTokens(const format::Metadata& metadata,
                                     const VocabularyDefaults& defaults) {
  constexpr std::string_view kBos = "tokenizer.ggml.bos_token_id";
  constexpr std::string_view kEos = "tokenizer.ggml.eos_token_id";
  MOIRA_ASSIGN_OR_RETURN(bos_, ReadId(metadata, kBos, size(), defaults.bos));
  MOIRA_ASSIGN_OR_RETURN(eos_, ReadId(metadata, kEos, size(), defaults.eos));
  MOIRA_ASSIGN_OR_RETURN(
      unknown_, ReadId(metadata, "tokenizer.ggml.unknown_token_id", size(), defaults.unknown));
  MOIRA_ASSIGN_OR_RETURN(
      adds_bos_, ReadAdd(metadata, "tokenizer.ggml.add_bos_token", kBos, bos_, defaults.adds_bos));
  MOIRA_ASSIGN_OR_RETURN(adds_eos_,
                         ReadAdd(metadata, "tokenizer.ggml.add_eos_token", kEos, eos_, false));
  return {};
}

Status Vocabulary::LoadEnds(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const auto eot, ReadId(metadata, "tokenizer.ggml.eot_token_id", size()));
  MOIRA_ASSIGN_OR_RETURN(const auto eom, ReadId(metadata, "tokenizer.ggml.eom_token_id", size()));
  for (const std::string_view spelling : EndTokenSpellings()) {
    const std::optional<TokenId> token = Find(spelling);
    if (!token) continue;
    // Some converters list these as ordinary text; then a user's text could end the turn.
    kinds_[Index(*token)] = TokenKind::kControl;
    const bool continues = IsTurnPart(spelling, [&](std::string_view s) { return Find(s); });
    if (!continues) ends_.push_back(*token);
  }
  for (const std::optional<TokenId>& token : {eos_, eot, eom}) {
    if (token) ends_.push_back(*token);
  }
  std::sort(ends_.begin(), ends_.end());
  ends_.erase(std::unique(ends_.begin(), ends_.end()), ends_.end());
  return {};
}

bool Vocabulary::IsText(TokenId token) const {
  switch (kind(token)) {
    case TokenKind::kNormal:
    case TokenKind::kUserDefined:
    case TokenKind::kUnused:
      return true;
    case TokenKind::kUnknown:
    case TokenKind::kControl:
    case TokenKind::kByte:
      return false;
  }
  return false;
}

std::optional<TokenId> Vocabulary::Find(std::string_view spelling) const {
  const auto found = by_spelling_.find(spelling);
  if (found == by_spelling_.end()) return std::nullopt;
  return found->second;
}

std::optional<TokenId> Vocabulary::FindText(std::string_view spelling) const {
  const std::optional<TokenId> token = Find(spelling);
  return token && IsText(*token) ? token : std::nullopt;
}

bool Vocabulary::IsEndOfGeneration(TokenId token) const {
  return std::binary_search(ends_.begin(), ends_.end(), token);
}

}  // namespace moira::engine
