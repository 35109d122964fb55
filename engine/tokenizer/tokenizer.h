#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"

namespace moira::format {
class Metadata;
}

namespace moira::engine {

using TokenId = int32_t;

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin;
  size_t end;
};

struct EncodeOptions {
  bool add_special = true;     // put BOS/EOS where the model file says so
  bool parse_special = false;  // let the spelling of a control token in the text become that token
  // With parse_special: parts of the text that came from a user; a control token is never read out
  // of a span that touches one. Sorted, disjoint.
  std::span<const TextRange> untrusted = {};
};

enum class TokenKind { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

// Text <-> token ids as the model file defines them. Const after creation, thread-safe.
class Tokenizer {
 public:
  // kUnsupported for a tokenizer model or pre-tokenizer that is not known (never a silent default),
  // kInvalidData for a vocabulary that breaks its bounds.
  static Result<std::unique_ptr<Tokenizer>> Create(const format::Metadata& metadata);
  virtual ~Tokenizer() = default;

  // Any bytes are accepted; invalid UTF-8 is encoded byte by byte or as the replacement character.
  // Time is at most O(n log n) in the text's length, whatever the text.
  virtual std::vector<TokenId> Encode(std::string_view text,
                                      const EncodeOptions& options) const = 0;

  // The bytes that a token contributes to the text; they may end inside a UTF-8 sequence. Control
  // tokens contribute nothing unless `special`.
  virtual std::string TokenText(TokenId token, bool special = false) const = 0;
  // Text of a whole sequence; drops the space that SPM puts before the first word.
  virtual std::string Decode(std::span<const TokenId> tokens, bool special = false) const = 0;

  virtual size_t vocabulary_size() const = 0;
  virtual TokenKind kind(TokenId token) const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  virtual bool adds_bos() const = 0;
  virtual bool adds_eos() const = 0;
  // EOS, EOT, EOM and the tokens that chat templates end a turn with.
  virtual bool IsEndOfGeneration(TokenId token) const = 0;
  // The token spelled exactly so, control tokens included.
  virtual std::optional<TokenId> Find(std::string_view spelling) const = 0;
};

}  // namespace moira::engine
