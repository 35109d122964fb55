#pragma once

#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "engine/tokenizer/pre_tokenizer_table.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// Cuts text into the words that byte-level BPE merges inside of. Const and thread-safe after
// Create.
class PreTokenizer {
 public:
  // kUnsupported, with the names that are known, for any other.
  static Result<PreTokenizer> Create(std::string_view name);

  // The words, in order; together they are the text. A byte that is not part of a well-formed
  // UTF-8 sequence is neither letter, number, space nor punctuation.
  std::vector<TextRange> Split(std::string_view text) const;

  const PreTokenizerRow& row() const { return *row_; }

 private:
  PreTokenizer(const PreTokenizerRow& row, std::vector<Regex> patterns);

  const PreTokenizerRow* row_;
  std::vector<Regex> patterns_;
};

}  // namespace moira::engine
