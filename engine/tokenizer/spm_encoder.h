#pragma once

#include <array>
#include <memory>
#include <optional>

#include "cache/device/status.h"
#include "engine/tokenizer/text_encoder.h"
#include "engine/tokenizer/vocabulary.h"

namespace moira::engine {

// `tokenizer.ggml.model` = "llama": SentencePiece's BPE. Spaces are written U+2581; of all
// neighbouring pieces that together are a token, those of the highest score are merged first; what
// is no token in the end is spelled in byte tokens.
class SpmEncoder final : public TextEncoder {
 public:
  // `vocabulary` must outlive the encoder. kInvalidData if it has no scores.
  static Result<std::unique_ptr<TextEncoder>> Create(const format::Metadata& metadata,
                                                     const Vocabulary& vocabulary);

  void Encode(std::string_view text, bool starts_text, std::vector<TokenId>& tokens) const override;
  std::string Bytes(TokenId token) const override;
  bool adds_space() const override { return adds_space_; }

 private:
  SpmEncoder(const Vocabulary& vocabulary, bool adds_space);

  void AppendBytes(std::string_view text, std::vector<TokenId>& tokens) const;

  const Vocabulary& vocabulary_;
  const bool adds_space_;
  std::array<std::optional<TokenId>, 256> byte_tokens_;
};

}  // namespace moira::engine
