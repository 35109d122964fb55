#include "engine/tokenizer/spm_encoder.h"

#include <limits>

#include "cache/format/gguf.h"
#include "engine/tokenizer/byte_map.h"
#include "engine/tokenizer/pair_merger.h"
#include "engine/tokenizer/utf8.h"

namespace moira::engine {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr uint32_t kNoToken = std::numeric_limits<uint32_t>::max();

using Merger = PairMerger<float>;

std::string WithSpaceMarks(std::string_view text, bool space_before) {
  std::string marked;
  marked.reserve(text.size() + text.size() / 2);
  if (space_before) marked += kSpaceMark;
  for (const char byte : text) {
    if (byte == ' ') {
      marked += kSpaceMark;
    } else {
      marked += byte;
    }
  }
  return marked;
}

}  // namespace

SpmEncoder::SpmEncoder(const Vocabulary& vocabulary, bool adds_space)
    : vocabulary_(vocabulary), adds_space_(adds_space) {
  for (unsigned byte = 0; byte < byte_tokens_.size(); ++byte) {
    const auto value = static_cast<uint8_t>(byte);
    std::optional<TokenId>& token = byte_tokens_[byte];
    token = vocabulary.Find(ByteTokenSpelling(value));
    if (!token) token = vocabulary.FindText(std::string(1, static_cast<char>(value)));
    if (!token) token = vocabulary.unknown();
  }
}

// `tokenizer.ggml.remove_extra_whitespaces` is not read: it belongs to the normalizer of unigram
// models, and llama.cpp ignores it for this kind too.
Result<std::unique_ptr<TextEncoder>> SpmEncoder::Create(const format::Metadata& metadata,
                                                        const Vocabulary& vocabulary) {
  if (!vocabulary.has_scores()) return InvalidData("tokenizer.ggml.scores is not there");
  MOIRA_ASSIGN_OR_RETURN(const std::optional<bool> adds_space,
                         metadata.Bool("tokenizer.ggml.add_space_prefix"));
  return std::unique_ptr<TextEncoder>(new SpmEncoder(vocabulary, adds_space.value_or(true)));
}

void SpmEncoder::Encode(std::string_view text, bool starts_text,
                        std::vector<TokenId>& tokens) const {
  const std::string marked = WithSpaceMarks(text, adds_space_ && starts_text);
  const std::string_view view = marked;
  const auto symbol = [&](std::string_view spelling) {
    const std::optional<TokenId> token = vocabulary_.FindText(spelling);
    return token ? static_cast<uint32_t>(*token) : kNoToken;
  };
  Merger merger;
  for (size_t at = 0; at < view.size();) {
    const size_t length = ReadUtf8(view.substr(at)).length;
    merger.Add(at, length, symbol(view.substr(at, length)));
    at += length;
  }
  merger.Run(
      [&](const Merger::Piece& left, const Merger::Piece& right) -> std::optional<Merger::Merge> {
        const size_t length = left.length + right.length;
        if (length > vocabulary_.longest_spelling()) return std::nullopt;
        const uint32_t merged = symbol(view.substr(left.begin, length));
        if (merged == kNoToken) return std::nullopt;
        return Merger::Merge{-vocabulary_.score(static_cast<TokenId>(merged)), merged};
      });
  merger.ForEach([&](const Merger::Piece& piece) {
    if (piece.symbol == kNoToken) {
      AppendBytes(view.substr(piece.begin, piece.length), tokens);
    } else {
      tokens.push_back(static_cast<TokenId>(piece.symbol));
    }
  });
}

void SpmEncoder::AppendBytes(std::string_view text, std::vector<TokenId>& tokens) const {
  for (const char byte : text) {
    const std::optional<TokenId>& token = byte_tokens_[static_cast<uint8_t>(byte)];
    if (token) tokens.push_back(*token);
  }
}

std::string SpmEncoder::Bytes(TokenId token) const {
  const std::string& spelling = vocabulary_.spelling(token);
  if (vocabulary_.kind(token) == TokenKind::kByte) {
    return std::string(1, static_cast<char>(ParseByteToken(spelling).value_or(0)));
  }
  std::string bytes;
  for (size_t at = 0; at < spelling.size();) {
    if (spelling.compare(at, kSpaceMark.size(), kSpaceMark) == 0) {
      bytes += ' ';
      at += kSpaceMark.size();
    } else {
      bytes += spelling[at++];
    }
  }
  return bytes;
}

}  // namespace moira::engine
