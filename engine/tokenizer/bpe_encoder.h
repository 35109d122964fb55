#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "cache/device/status.h"
#include "engine/tokenizer/pre_tokenizer.h"
#include "engine/tokenizer/text_encoder.h"
#include "engine/tokenizer/vocabulary.h"

namespace moira::engine {

// `tokenizer.ggml.model` = "gpt2": byte-level BPE. Text is cut into words, a word into bytes, and
// neighbours are merged by the rank of their pair in `tokenizer.ggml.merges`.
class BpeEncoder final : public TextEncoder {
 public:
  // `vocabulary` must outlive the encoder.
  static Result<std::unique_ptr<TextEncoder>> Create(const format::Metadata& metadata,
                                                     PreTokenizer pre_tokenizer,
                                                     const Vocabulary& vocabulary);

  // A byte whose spelling is no token of the vocabulary is left out.
  void Encode(std::string_view text, bool starts_text, std::vector<TokenId>& tokens) const override;
  std::string Bytes(TokenId token) const override;
  bool adds_space() const override { return false; }

 private:
  class Loader;
  // A token id; from the vocabulary's size on, a spelling that only the merges know.
  using Symbol = uint32_t;
  struct Merge {
    uint32_t rank;
    Symbol result;
  };

  BpeEncoder(PreTokenizer pre_tokenizer, const Vocabulary& vocabulary);

  static uint64_t PairKey(Symbol left, Symbol right) { return uint64_t{left} << 32 | right; }
  bool IsToken(Symbol symbol) const { return symbol < vocabulary_.size(); }

  const PreTokenizer pre_tokenizer_;
  const Vocabulary& vocabulary_;
  std::array<Symbol, 256> byte_symbols_{};
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace moira::engine
