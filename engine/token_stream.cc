#include "engine/token_stream.h"

#include <algorithm>
#include <utility>

namespace moira::engine {
namespace {

// Keeps the deadline of a wait inside what a clock can express.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24);

class ChannelStream : public TokenStream {
 public:
  explicit ChannelStream(std::shared_ptr<StreamChannel> channel) : channel_(std::move(channel)) {}
  ~ChannelStream() override { channel_->Cancel(); }

  Event Pop(std::chrono::milliseconds timeout) override { return channel_->Pop(timeout); }
  void Cancel() override { channel_->Cancel(); }

 private:
  const std::shared_ptr<StreamChannel> channel_;
};

}  // namespace

StreamChannel::StreamChannel(std::shared_ptr<WakeSignal> producer)
    : producer_(std::move(producer)), ring_(TokenStream::kCapacity) {}

bool StreamChannel::HasRoom() const {
  std::lock_guard lock(mutex_);
  return size_ < ring_.size();
}

void StreamChannel::PushPrompt(std::vector<GeneratedToken> prompt) {
  {
    std::lock_guard lock(mutex_);
    prompt_ = std::move(prompt);
  }
  not_empty_.notify_one();
}

void StreamChannel::PushToken(GeneratedToken token) {
  {
    std::lock_guard lock(mutex_);
    ring_[(first_ + size_) % ring_.size()] = std::move(token);
    ++size_;
  }
  not_empty_.notify_one();
}

void StreamChannel::PushEnd(FinishReason reason, Status status, const RequestTimings& timings) {
  {
    std::lock_guard lock(mutex_);
    if (end_.has_value()) return;
    end_.emplace();
    end_->kind = TokenStream::Event::Kind::kEnd;
    end_->reason = reason;
    end_->status = std::move(status);
    end_->timings = timings;
  }
  not_empty_.notify_one();
}

TokenStream::Event StreamChannel::Pop(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!not_empty_.wait_for(lock, std::min(timeout, kLongestWait), [this] { return HasEvent(); }))
    return {};
  const bool was_full = size_ == ring_.size();
  TokenStream::Event event = TakeEvent();
  const bool has_room_again = was_full && size_ < ring_.size();
  lock.unlock();
  if (has_room_again) producer_->Notify();
  return event;
}

TokenStream::Event StreamChannel::TakeEvent() {
  TokenStream::Event event;
  if (prompt_.has_value()) {
    event.kind = TokenStream::Event::Kind::kPrompt;
    event.prompt = *std::exchange(prompt_, std::nullopt);
  } else if (size_ > 0) {
    event.kind = TokenStream::Event::Kind::kToken;
    event.token = std::move(ring_[first_]);
    first_ = (first_ + 1) % ring_.size();
    --size_;
  } else {
    event = *end_;
  }
  return event;
}

void StreamChannel::Cancel() {
  if (!cancelled_.exchange(true)) producer_->Notify();
}

std::unique_ptr<TokenStream> MakeTokenStream(std::shared_ptr<StreamChannel> channel) {
  return std::make_unique<ChannelStream>(std::move(channel));
}

}  // namespace moira::engine
