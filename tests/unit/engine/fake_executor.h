#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model/executor.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// A model whose next token depends on every token before it, as found in the KV pages: a page that
// holds another sequence's text shows in the output. Pages hold token ids.
class FakeExecutor : public Executor {
 public:
  static constexpr uint32_t kVocabulary = 50;
  static constexpr size_t kPageBytes = kKvPageTokens * sizeof(int32_t);

  explicit FakeExecutor(cache::KvPagePool& pages) : pages_(pages) {}

  void Run(std::span<StepSequence> step) override {
    ++steps;
    if (on_step) on_step(step);
    size_t rows = 0;
    for (const StepSequence& sequence : step) rows += sequence.tokens.size();
    largest_step = std::max(largest_step, step.size());
    largest_step_tokens = std::max(largest_step_tokens, rows);
    logits_.assign(rows * kVocabulary, 0);
    size_t row = 0;
    for (StepSequence& sequence : step) {
      RunSequence(sequence, std::span(logits_).subspan(row * kVocabulary));
      row += sequence.tokens.size();
    }
  }
  void SetRouteObserver(std::function<void(const RouteRecord&)>) override {}
  uint64_t dense_bytes() const override { return 1000; }

  // What the model says after `text`.
  static std::vector<float> Logits(std::span<const int32_t> text) {
    uint64_t hash = 1469598103934665603u;
    for (int32_t token : text) hash = (hash ^ static_cast<uint32_t>(token)) * 1099511628211u;
    std::vector<float> logits(kVocabulary);
    for (uint32_t i = 0; i < kVocabulary; ++i) {
      logits[i] = static_cast<float>((hash * (2 * i + 1)) >> 40) * 1e-6f;
    }
    return logits;
  }
  static std::vector<int32_t> Greedy(std::vector<int32_t> text, size_t count) {
    std::vector<int32_t> answer;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<float> logits = Logits(text);
      answer.push_back(
          static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      text.push_back(answer.back());
    }
    return answer;
  }

  // Called before each step is computed; may set the status of a sequence that is to fail.
  std::function<void(std::span<StepSequence>)> on_step;
  size_t steps = 0;
  size_t largest_step = 0;         // sequences
  size_t largest_step_tokens = 0;  // tokens
  size_t computed_tokens = 0;

 private:
  void RunSequence(StepSequence& sequence, std::span<float> rows) {
    if (sequence.cancelled->load()) sequence.status = Cancelled("cancelled");
    if (!sequence.status.ok()) return;
    computed_tokens += sequence.tokens.size();
    sequence.experts = {sequence.tokens.size(), 1};
    std::vector<int32_t> text(sequence.first_position + sequence.tokens.size());
    for (size_t i = 0; i < text.size(); ++i) {
      int32_t* cell = Cell(sequence.pages[i / kKvPageTokens], i % kKvPageTokens);
      if (i >= sequence.first_position) *cell = sequence.tokens[i - sequence.first_position];
      text[i] = *cell;
    }
    if (sequence.wanted == StepSequence::Logits::kNone) return;
    const bool all = sequence.wanted == StepSequence::Logits::kAll;
    const size_t count = all ? sequence.tokens.size() : 1;
    for (size_t i = 0; i < count; ++i) {
      const size_t length = text.size() - count + i + 1;
      const std::vector<float> logits = Logits(std::span(text).first(length));
      std::copy(logits.begin(), logits.end(),
                rows.begin() + static_cast<ptrdiff_t>(i) * kVocabulary);
    }
    sequence.logits = rows.first(count * kVocabulary);
  }

  int32_t* Cell(cache::KvPageId page, size_t index) {
    return reinterpret_cast<int32_t*>(pages_.Page(page)) + index;
  }

  cache::KvPagePool& pages_;
  std::vector<float> logits_;
};

// Knows the ids of FakeExecutor; those of `ends` end generation.
class FakeTokenizer : public Tokenizer {
 public:
  explicit FakeTokenizer(std::set<TokenId> ends = {}) : ends_(std::move(ends)) {}

  std::vector<TokenId> Encode(std::string_view, const EncodeOptions&) const override { return {}; }
  std::string TokenText(TokenId, bool) const override { return ""; }
  std::string Decode(std::span<const TokenId>, bool) const override { return ""; }
  size_t vocabulary_size() const override { return FakeExecutor::kVocabulary; }
  TokenKind kind(TokenId) const override { return TokenKind::kNormal; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return std::nullopt; }
  bool adds_bos() const override { return false; }
  bool adds_eos() const override { return false; }
  bool IsEndOfGeneration(TokenId token) const override { return ends_.contains(token); }
  std::optional<TokenId> Find(std::string_view) const override { return std::nullopt; }

 private:
  const std::set<TokenId> ends_;
};

// `count` ids that no other `stream` has at the same places.
inline std::vector<TokenId> FakePrompt(size_t count, uint32_t stream) {
  std::vector<TokenId> prompt(count);
  for (size_t i = 0; i < count; ++i) {
    prompt[i] =
        static_cast<TokenId>((i * 7 + stream * 13 + i * i % 11) % FakeExecutor::kVocabulary);
  }
  return prompt;
}

}  // namespace moira::engine
