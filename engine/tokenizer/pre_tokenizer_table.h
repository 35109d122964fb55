#pragma once

#include <span>
#include <string_view>

namespace moira::engine {

// How the text is cut into words before any merge, for one value of `tokenizer.ggml.pre`.
struct PreTokenizerRow {
  std::string_view name;
  // Applied one after the other, each to the pieces that the one before left.
  std::span<const std::string_view> patterns;
  bool whole_words = false;  // a word that is a token is that token, whatever the merges say
  bool adds_bos = false;     // where `tokenizer.ggml.add_bos_token` is absent
};

std::span<const PreTokenizerRow> PreTokenizerTable();
const PreTokenizerRow* FindPreTokenizer(std::string_view name);  // null if unknown

}  // namespace moira::engine
