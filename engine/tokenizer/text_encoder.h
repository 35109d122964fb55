#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// One kind of tokenizer: how text without special tokens becomes tokens and how tokens that are
// text become bytes. Const and thread-safe after creation.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  // Appends the tokens of `text`; `starts_text` where nothing or a special token is before it.
  virtual void Encode(std::string_view text, bool starts_text,
                      std::vector<TokenId>& tokens) const = 0;
  // The bytes of a normal, user-defined, unused or byte token.
  virtual std::string Bytes(TokenId token) const = 0;
  // Whether Encode puts a space before text that starts.
  virtual bool adds_space() const = 0;
};

}  // namespace moira::engine
