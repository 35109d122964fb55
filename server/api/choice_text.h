#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "server/api/stop_matcher.h"
#include "server/api/utf8_assembler.h"

namespace moira::server {

// A token with the place of its text in the answer.
struct PlacedToken {
  engine::GeneratedToken token;
  std::string bytes;       // what it contributes; may end inside a character
  size_t text_offset = 0;  // code points of the answer before it
};

// What may be sent: text that no stop string can take back, in whole characters, and the tokens
// that it was made of.
struct TextDelta {
  std::string text;
  std::vector<PlacedToken> tokens;
  bool empty() const { return text.empty() && tokens.empty(); }
};

// Turns the tokens of one sequence into text. Not thread-safe.
class ChoiceText {
 public:
  // `tokenizer` must outlive this. `text_offset`: code points that stand before the first token
  // (an echoed prompt). `show_end`: end-of-generation tokens are kept as tokens (without text).
  ChoiceText(const engine::Tokenizer& tokenizer, std::vector<std::string> stops, size_t text_offset,
             bool show_end);

  void Append(engine::GeneratedToken token);
  // No more tokens will come: what is held back becomes ready, unless a stop string was found.
  void Finish();
  // True once a stop string was found: its text and what follows never become ready.
  bool stopped() const { return stops_.matched(); }
  // What became ready since the last call.
  TextDelta Take();

 private:
  struct Waiting {
    PlacedToken token;
    size_t begin = 0;  // bytes of the answer before its text
    size_t end = 0;    // bytes of the answer that must be ready before this token is
  };

  void Accept(std::string_view text);
  void ReleaseTokens();

  const engine::Tokenizer& tokenizer_;
  bool show_end_;
  Utf8Assembler utf8_;
  StopMatcher stops_;
  size_t assembled_bytes_ = 0;        // of characters that went into the stop matcher
  size_t assembled_code_points_ = 0;  // the same, with text_offset
  size_t ready_bytes_ = 0;            // that came out of it
  std::deque<Waiting> waiting_;
  TextDelta ready_;
};

}  // namespace moira::server
