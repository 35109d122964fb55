#include "server/api/generation.h"

#include <algorithm>
#include <utility>

namespace moira::server {
namespace {

using Kind = engine::TokenStream::Event::Kind;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// With several streams, how long one of them is waited for before the others are looked at again:
// the sequences of a batch get their tokens in the same step, so that this is rarely used up.
constexpr milliseconds kTurn{5};

}  // namespace

Generation::Generation(engine::Engine& engine, std::vector<Sequence> sequences, size_t window)
    : engine_(engine),
      sequences_(std::move(sequences)),
      window_(window),
      submitted_(sequences_.size()),
      began_(sequences_.size()),
      streams_(sequences_.size()) {}

Status Generation::Start() { return Submit(0); }

Status Generation::Submit(size_t sequence) {
  Result<Stream> stream = engine_.Submit(sequences_[sequence].request);
  if (!stream.ok()) return stream.status();
  submitted_[sequence] = true;
  sequences_[sequence].request.prompt = {};
  running_.push_back(sequence);
  const std::lock_guard lock(mutex_);
  streams_[sequence] = std::move(stream).value();
  if (cancelled_) streams_[sequence]->Cancel();
  return {};
}

bool Generation::MaySubmit(size_t sequence) const {
  if (submitted_[sequence]) return false;
  const std::optional<size_t> after = sequences_[sequence].after;
  return !after || began_[*after];
}

std::optional<Generation::Event> Generation::SubmitWaiting() {
  for (size_t i = 0; i < sequences_.size() && running_.size() < window_; ++i) {
    if (!MaySubmit(i)) continue;
    const Status status = Submit(i);
    if (status.ok()) continue;
    // The queue is full of others' requests: one of ours that ends makes room.
    if (status.code() == StatusCode::kResourceExhausted && !running_.empty()) break;
    Event refused{i, {}};
    refused.event.kind = Kind::kEnd;
    refused.event.reason = engine::FinishReason::kError;
    refused.event.status = status;
    submitted_[i] = began_[i] = true;
    return refused;
  }
  return std::nullopt;
}

Generation::Event Generation::Took(size_t sequence, engine::TokenStream::Event event) {
  began_[sequence] = true;
  if (event.kind == Kind::kEnd) {
    std::erase(running_, sequence);
    const std::lock_guard lock(mutex_);
    streams_[sequence].reset();
  }
  return {sequence, std::move(event)};
}

// One look at every stream, without waiting.
std::optional<Generation::Event> Generation::Sweep() {
  for (size_t looked = 0; looked < running_.size(); ++looked) {
    next_in_turn_ = (next_in_turn_ + 1) % running_.size();
    const size_t sequence = running_[next_in_turn_];
    engine::TokenStream::Event event = streams_[sequence]->Pop(milliseconds(0));
    if (event.kind != Kind::kTimeout) return Took(sequence, std::move(event));
  }
  return std::nullopt;
}

std::optional<Generation::Event> Generation::Next(milliseconds timeout) {
  if (std::optional<Event> refused = SubmitWaiting()) return refused;
  if (running_.empty()) return std::nullopt;
  const auto deadline = Clock::now() + timeout;
  while (running_.size() > 1) {
    if (std::optional<Event> event = Sweep()) return event;
    const size_t sequence = running_[next_in_turn_ % running_.size()];
    engine::TokenStream::Event event = streams_[sequence]->Pop(std::min(kTurn, timeout));
    if (event.kind != Kind::kTimeout) return Took(sequence, std::move(event));
    if (Clock::now() >= deadline) return Event{sequence, std::move(event)};
  }
  const size_t sequence = running_.front();
  engine::TokenStream::Event event = streams_[sequence]->Pop(timeout);
  if (event.kind == Kind::kTimeout) return Event{sequence, std::move(event)};
  return Took(sequence, std::move(event));
}

void Generation::Cancel(size_t sequence) {
  const std::lock_guard lock(mutex_);
  if (streams_[sequence] != nullptr) streams_[sequence]->Cancel();
}

void Generation::CancelAll() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  for (const Stream& stream : streams_) {
    if (stream != nullptr) stream->Cancel();
  }
}

}  // namespace moira::server
