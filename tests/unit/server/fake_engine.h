#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/http/exchange.h"

namespace moira::server {

// A vocabulary of bytes: token = byte, kEnd = end of generation (a control token spelled "<end>"),
// kBos = "<bos>".
class ByteTokenizer : public engine::Tokenizer {
 public:
  static constexpr engine::TokenId kEnd = 256;
  static constexpr engine::TokenId kBos = 257;

  std::vector<engine::TokenId> Encode(std::string_view text,
                                      const engine::EncodeOptions& options) const override {
    std::vector<engine::TokenId> tokens;
    if (options.add_special) tokens.push_back(kBos);
    for (size_t i = 0; i < text.size();) {
      const auto control = ControlAt(text, i, options);
      tokens.push_back(control ? control->first : static_cast<unsigned char>(text[i]));
      i += control ? control->second : 1;
    }
    return tokens;
  }
  std::string TokenText(engine::TokenId token, bool special) const override {
    if (token < 256) return std::string(1, static_cast<char>(token));
    if (!special) return "";
    return token == kEnd ? "<end>" : "<bos>";
  }
  std::string Decode(std::span<const engine::TokenId> tokens, bool special) const override {
    std::string text;
    for (const engine::TokenId token : tokens) text += TokenText(token, special);
    return text;
  }
  size_t vocabulary_size() const override { return 258; }
  engine::TokenKind kind(engine::TokenId token) const override {
    return token < 256 ? engine::TokenKind::kNormal : engine::TokenKind::kControl;
  }
  std::optional<engine::TokenId> bos() const override { return kBos; }
  std::optional<engine::TokenId> eos() const override { return kEnd; }
  bool adds_bos() const override { return true; }
  bool adds_eos() const override { return false; }
  bool IsEndOfGeneration(engine::TokenId token) const override { return token == kEnd; }
  std::optional<engine::TokenId> Find(std::string_view spelling) const override {
    if (spelling == "<end>") return kEnd;
    if (spelling == "<bos>") return kBos;
    return std::nullopt;
  }

 private:
  static std::optional<std::pair<engine::TokenId, size_t>> ControlAt(
      std::string_view text, size_t i, const engine::EncodeOptions& options) {
    if (!options.parse_special) return std::nullopt;
    for (const auto& [spelling, token] :
         {std::pair<std::string_view, engine::TokenId>{"<end>", kEnd}, {"<bos>", kBos}}) {
      if (text.substr(i, spelling.size()) != spelling) continue;
      bool touched = false;
      for (const engine::TextRange& range : options.untrusted) {
        touched = touched || (range.begin < i + spelling.size() && i < range.end);
      }
      if (!touched) return std::pair(token, spelling.size());
    }
    return std::nullopt;
  }
};

// A stream that a test feeds by hand, from any thread.
class FakeStream : public engine::TokenStream {
 public:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Event> events;
    bool cancelled = false;

    void Push(Event event) {
      const std::lock_guard lock(mutex);
      events.push_back(std::move(event));
      changed.notify_all();
    }
    void PushText(std::string_view text) {
      for (const char c : text) PushToken(static_cast<unsigned char>(c));
    }
    void PushToken(engine::TokenId token) {
      Event event;
      event.kind = Event::Kind::kToken;
      event.token = {token, -0.5f, {{token, -0.5f}, {'?', -1.5f}}};
      Push(std::move(event));
    }
    void End(engine::FinishReason reason, engine::RequestTimings timings = {}, Status status = {}) {
      Event event;
      event.kind = Event::Kind::kEnd;
      event.reason = reason;
      event.timings = timings;
      event.status = std::move(status);
      Push(std::move(event));
    }
    void WaitForCancel() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return cancelled; });
    }
  };

  explicit FakeStream(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~FakeStream() override { Cancel(); }

  // As the engine does it: a cancelled sequence ends.
  Event Pop(std::chrono::milliseconds timeout) override {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, timeout,
                              [this] { return !shared_->events.empty() || shared_->cancelled; });
    Event event;
    if (!shared_->events.empty()) {
      event = std::move(shared_->events.front());
      shared_->events.pop_front();
    } else if (shared_->cancelled) {
      event.kind = Event::Kind::kEnd;
      event.reason = engine::FinishReason::kCancelled;
    }
    return event;
  }
  void Cancel() override {
    const std::lock_guard lock(shared_->mutex);
    shared_->cancelled = true;
    shared_->changed.notify_all();
  }

 private:
  std::shared_ptr<Shared> shared_;
};

// An engine whose answers a test decides.
class FakeEngine : public engine::Engine {
 public:
  using OnSubmit = std::function<void(const engine::GenerateRequest&, FakeStream::Shared&)>;

  explicit FakeEngine(OnSubmit on_submit = {}) : on_submit_(std::move(on_submit)) {
    info_.name = "Fake Model";
    info_.path = "/models/fake.gguf";
    info_.context_size = 64;
    info_.vocabulary = 258;
    auto parsed = engine::ChatTemplate::Parse(
        "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }}{{ eos_token }}"
        "{% endfor %}{% if tools %}{{ tools | length }} tools{% endif %}assistant:");
    if (parsed.ok()) chat_template_ = std::move(parsed).value();
  }

  // Refuses what comes after so many submissions.
  void RefuseAfter(size_t submissions, Status status) {
    const std::lock_guard lock(mutex_);
    accepted_ = submissions;
    refusal_ = std::move(status);
  }
  std::vector<engine::GenerateRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // The stream of the submission of that number, waiting for it.
  std::shared_ptr<FakeStream::Shared> stream(size_t number) {
    std::unique_lock lock(mutex_);
    submitted_.wait(lock, [&] { return streams_.size() > number; });
    return streams_[number];
  }
  size_t submissions() const {
    const std::lock_guard lock(mutex_);
    return streams_.size();
  }

  const engine::ModelInfo& model() const override { return info_; }
  const engine::Tokenizer& tokenizer() const override { return tokenizer_; }
  const engine::ChatTemplate* chat_template() const override { return chat_template_.get(); }
  Status chat_template_status() const override { return {}; }
  Result<std::unique_ptr<engine::TokenStream>> Submit(engine::GenerateRequest request) override {
    auto shared = std::make_shared<FakeStream::Shared>();
    {
      const std::lock_guard lock(mutex_);
      if (streams_.size() >= accepted_) return refusal_;
      streams_.push_back(shared);
      requests_.push_back(request);
      submitted_.notify_all();
    }
    if (on_submit_) on_submit_(request, *shared);
    return std::unique_ptr<engine::TokenStream>(std::make_unique<FakeStream>(shared));
  }
  engine::EngineStats stats() const override {
    engine::EngineStats stats;
    stats.requests_submitted = submissions();
    stats.kv_pages = 8;
    stats.kv_pages_in_use = 2;
    stats.experts.hits = 11;
    stats.experts.speculative_wasted = 3;
    stats.experts.acquire_wait_seconds = 1.5;
    return stats;
  }
  bool Drain(std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex_);
    accepted_ = 0;
    refusal_ = Unavailable("draining");
    for (const auto& shared : streams_) {
      const std::lock_guard stream_lock(shared->mutex);
      shared->cancelled = true;
      shared->changed.notify_all();
    }
    return streams_.empty();
  }

 private:
  const OnSubmit on_submit_;
  engine::ModelInfo info_;
  ByteTokenizer tokenizer_;
  std::unique_ptr<engine::ChatTemplate> chat_template_;
  mutable std::mutex mutex_;
  std::condition_variable submitted_;
  size_t accepted_ = SIZE_MAX;
  Status refusal_;
  std::vector<std::shared_ptr<FakeStream::Shared>> streams_;
  std::vector<engine::GenerateRequest> requests_;
};

// Keeps what is answered.
class RecordingExchange : public Exchange {
 public:
  bool Send(const Response& response) override {
    answer = response;
    return !gone;
  }
  bool BeginStream(const Response& head) override {
    answer = head;
    return !gone;
  }
  bool WriteStream(std::string_view piece) override {
    if (gone) return false;
    answer.body += piece;
    if (on_piece) on_piece(piece);
    return true;
  }
  bool EndStream() override {
    ended = true;
    return !gone;
  }
  Cancellation& cancellation() override { return cancellation_; }

  Response answer;
  bool ended = false;
  bool gone = false;  // the client does not read any more
  std::function<void(std::string_view)> on_piece;

 private:
  Cancellation cancellation_;
};

}  // namespace moira::server
