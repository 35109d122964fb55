#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/vocabulary.h"

namespace moira::engine {

// A token found in the text by its spelling, or text between such tokens.
struct Fragment {
  TextRange range;
  std::optional<TokenId> token;
};

// Finds user-defined, control and unknown tokens in text before anything else looks at it. Const
// and thread-safe after construction.
class SpecialTokens {
 public:
  // `vocabulary` must outlive the object. `strips_right`: white space after a token belongs to it,
  // but after the first tokens of the vocabulary.
  SpecialTokens(const Vocabulary& vocabulary, bool strips_right);

  // Cuts the text at its special tokens; the leftmost one goes first, of those that begin at one
  // place the longest. User-defined tokens are always found, control and unknown ones only with
  // `parse_special` and clear of the untrusted ranges. Linear in the text.
  std::vector<Fragment> Split(std::string_view text, const EncodeOptions& options) const;

 private:
  struct Entry {
    std::string_view spelling;
    TokenId token;
    bool is_user_defined;
    bool strips_right;
  };
  struct Match {
    size_t end;
    TokenId token;
    bool strips_right;
  };

  std::optional<Match> FindAt(std::string_view text, size_t begin,
                              const EncodeOptions& options) const;

  std::vector<Entry> entries_;  // sorted by spelling
  // Entries that begin with byte b are those from first_[b] up to first_[b + 1].
  std::array<size_t, 257> first_{};
};

}  // namespace moira::engine
