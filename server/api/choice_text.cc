#include "server/api/choice_text.h"

#include <utility>

namespace moira::server {

ChoiceText::ChoiceText(const engine::Tokenizer& tokenizer, std::vector<std::string> stops,
                       size_t text_offset, bool show_end)
    : tokenizer_(tokenizer),
      show_end_(show_end),
      stops_(std::move(stops)),
      assembled_code_points_(text_offset) {}

void ChoiceText::Append(engine::GeneratedToken token) {
  if (stopped() || (!show_end_ && tokenizer_.IsEndOfGeneration(token.token))) return;
  Waiting waiting;
  waiting.token.bytes = tokenizer_.TokenText(token.token);
  waiting.token.token = std::move(token);
  waiting.token.text_offset = assembled_code_points_;
  waiting.begin = assembled_bytes_;
  const std::string text = utf8_.Append(waiting.token.bytes);
  // A token that ends inside a character waits for the character.
  waiting.end = assembled_bytes_ + text.size() + (utf8_.held() > 0 ? 1 : 0);
  waiting_.push_back(std::move(waiting));
  Accept(text);
}

void ChoiceText::Finish() {
  if (stopped()) return;
  Accept(utf8_.Flush());
  if (stopped()) return;
  ready_.text += stops_.Flush();
  for (Waiting& waiting : waiting_) ready_.tokens.push_back(std::move(waiting.token));
  waiting_.clear();
}

void ChoiceText::Accept(std::string_view text) {
  assembled_bytes_ += text.size();
  assembled_code_points_ += CountCodePoints(text);
  const std::string ready = stops_.Append(text);
  ready_bytes_ += ready.size();
  ready_.text += ready;
  ReleaseTokens();
}

void ChoiceText::ReleaseTokens() {
  // After a stop string, a token of which only a part was sent still belongs to the answer.
  const auto is_ready = [&](const Waiting& waiting) {
    return waiting.end <= ready_bytes_ || (stopped() && waiting.begin < ready_bytes_);
  };
  while (!waiting_.empty() && is_ready(waiting_.front())) {
    ready_.tokens.push_back(std::move(waiting_.front().token));
    waiting_.pop_front();
  }
  if (stopped()) waiting_.clear();
}

TextDelta ChoiceText::Take() { return std::exchange(ready_, {}); }

}  // namespace moira::server
