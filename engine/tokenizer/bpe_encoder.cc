#include "engine/tokenizer/bpe_encoder.h"

#include <string>
#include <utility>

#include "cache/format/gguf.h"
#include "engine/tokenizer/byte_map.h"
#include "engine/tokenizer/pair_merger.h"

namespace moira::engine {
namespace {

constexpr std::string_view kMerges = "tokenizer.ggml.merges";
using Merger = PairMerger<uint32_t>;

}  // namespace

// Gives every spelling that the merges use a symbol.
class BpeEncoder::Loader {
 public:
  explicit Loader(BpeEncoder& encoder) : encoder_(encoder) {}

  void AddBytes() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      encoder_.byte_symbols_[byte] = SymbolOf(ByteSpelling(static_cast<uint8_t>(byte)));
    }
  }

  // False if `merge` is not two spellings with a space between them.
  bool AddMerge(const std::string& merge, uint32_t rank) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) return false;
    const std::string left = merge.substr(0, space);
    const std::string right = merge.substr(space + 1);
    const std::string result = left + right;
    const Vocabulary& vocabulary = encoder_.vocabulary_;
    // A token that is not text is never merged into.
    if (vocabulary.Find(result) && !vocabulary.FindText(result)) return true;
    encoder_.merges_.emplace(PairKey(SymbolOf(left), SymbolOf(right)),
                             Merge{rank, SymbolOf(result)});
    return true;
  }

 private:
  Symbol SymbolOf(const std::string& spelling) {
    if (const std::optional<TokenId> token = encoder_.vocabulary_.FindText(spelling)) {
      return static_cast<Symbol>(*token);
    }
    const auto next = static_cast<Symbol>(encoder_.vocabulary_.size() + others_.size());
    return others_.emplace(spelling, next).first->second;
  }

  BpeEncoder& encoder_;
  std::unordered_map<std::string, Symbol> others_;
};

BpeEncoder::BpeEncoder(PreTokenizer pre_tokenizer, const Vocabulary& vocabulary)
    : pre_tokenizer_(std::move(pre_tokenizer)), vocabulary_(vocabulary) {}

Result<std::unique_ptr<TextEncoder>> BpeEncoder::Create(const format::Metadata& metadata,
                                                        PreTokenizer pre_tokenizer,
                                                        const Vocabulary& vocabulary) {
  MOIRA_ASSIGN_OR_RETURN(const std::vector<std::string>* const merges, metadata.Strings(kMerges));
  if (merges == nullptr) return InvalidData(std::string(kMerges) + " is not there");
  if (merges->size() > kMaxMerges) {
    return InvalidData(std::string(kMerges) + ": " + std::to_string(merges->size()) +
                       " entries, want at most " + std::to_string(kMaxMerges));
  }
  std::unique_ptr<BpeEncoder> encoder(new BpeEncoder(std::move(pre_tokenizer), vocabulary));
  encoder->merges_.reserve(merges->size());
  Loader loader(*encoder);
  loader.AddBytes();
  for (size_t i = 0; i < merges->size(); ++i) {
    const std::string& merge = (*merges)[i];
    if (merge.size() > 2 * kMaxTokenBytes + 1 ||
        !loader.AddMerge(merge, static_cast<uint32_t>(i))) {
      return InvalidData(std::string(kMerges) + "[" + std::to_string(i) +
                         "]: not two tokens with a space between them, each of 1 to " +
                         std::to_string(kMaxTokenBytes) + " bytes");
    }
  }
  return std::unique_ptr<TextEncoder>(std::move(encoder));
}

void BpeEncoder::Encode(std::string_view text, bool /*starts_text*/,
                        std::vector<TokenId>& tokens) const {
  Merger merger;
  std::string spelling;
  for (const TextRange& word : pre_tokenizer_.Split(text)) {
    const std::string_view bytes = text.substr(word.begin, word.end - word.begin);
    if (pre_tokenizer_.row().whole_words && bytes.size() <= kMaxTokenBytes) {
      spelling.clear();
      for (const char byte : bytes) spelling += ByteSpelling(static_cast<uint8_t>(byte));
      if (const std::optional<TokenId> token = vocabulary_.FindText(spelling)) {
        tokens.push_back(*token);
        continue;
      }
    }
    merger.Clear();
    for (size_t i = 0; i < bytes.size(); ++i) {
      merger.Add(i, 1, byte_symbols_[static_cast<uint8_t>(bytes[i])]);
    }
    merger.Run(
        [&](const Merger::Piece& left, const Merger::Piece& right) -> std::optional<Merger::Merge> {
          const auto merge = merges_.find(PairKey(left.symbol, right.symbol));
          if (merge == merges_.end()) return std::nullopt;
          return Merger::Merge{merge->second.rank, merge->second.result};
        });
    merger.ForEach([&](const Merger::Piece& piece) {
      if (IsToken(piece.symbol)) {
        tokens.push_back(static_cast<TokenId>(piece.symbol));
        return;
      }
      for (const char byte : bytes.substr(piece.begin, piece.length)) {
        const Symbol symbol = byte_symbols_[static_cast<uint8_t>(byte)];
        if (IsToken(symbol)) tokens.push_back(static_cast<TokenId>(symbol));
      }
    });
  }
}

std::string BpeEncoder::Bytes(TokenId token) const {
  const std::string& spelling = vocabulary_.spelling(token);
  switch (vocabulary_.kind(token)) {
    case TokenKind::kUserDefined:
      return spelling;
    case TokenKind::kByte:
      return std::string(1, static_cast<char>(ParseByteToken(spelling).value_or(0)));
    default:
      return SpelledBytes(spelling);
  }
}

}  // namespace moira::engine
