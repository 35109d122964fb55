#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/wake_signal.h"

namespace moira::engine {

// The bounded ring between the engine thread, which pushes, and one consumer, which pops. Owned by
// both ends. Thread-safe.
class StreamChannel {
 public:
  // `producer` is notified when a full ring has room again, and when the consumer cancels.
  explicit StreamChannel(std::shared_ptr<WakeSignal> producer);

  // Engine thread. Push only while there is room; room never goes away before the next push.
  bool HasRoom() const;
  void PushPrompt(std::vector<GeneratedToken> prompt);
  void PushToken(GeneratedToken token);
  // The last event; it always has room. A second one is ignored.
  void PushEnd(FinishReason reason, Status status, const RequestTimings& timings);
  const std::atomic<bool>& cancelled() const { return cancelled_; }

  // Consumer. After the end, every Pop gives the end again.
  TokenStream::Event Pop(std::chrono::milliseconds timeout);
  void Cancel();

 private:
  bool HasEvent() const { return prompt_.has_value() || size_ > 0 || end_.has_value(); }
  TokenStream::Event TakeEvent();

  const std::shared_ptr<WakeSignal> producer_;
  std::atomic<bool> cancelled_ = false;
  mutable std::mutex mutex_;
  std::condition_variable not_empty_;
  std::optional<std::vector<GeneratedToken>> prompt_;
  std::vector<GeneratedToken> ring_;  // TokenStream::kCapacity places
  size_t first_ = 0, size_ = 0;
  std::optional<TokenStream::Event> end_;
};

// The consumer's end; destroying it cancels.
std::unique_ptr<TokenStream> MakeTokenStream(std::shared_ptr<StreamChannel> channel);

}  // namespace moira::engine
