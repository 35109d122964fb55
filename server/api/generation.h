#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/engine.h"

namespace moira::server {

// The sequences that one HTTP request asks for, run on the engine a few at a time. One thread
// starts it and takes the events; CancelAll is thread-safe.
class Generation {
 public:
  struct Sequence {
    engine::GenerateRequest request;
    // Sequences of equal prompts: those after the first wait for its first event, and so find the
    // prompt in the prefix cache instead of computing it again.
    std::optional<size_t> after;
  };
  struct Event {
    size_t sequence = 0;
    engine::TokenStream::Event event;
  };

  // At most `window` (>= 1) sequences are inside the engine at once. `engine` must outlive this.
  Generation(engine::Engine& engine, std::vector<Sequence> sequences, size_t window);

  // Submits the first sequence; its refusal is the refusal of the request.
  Status Start();
  // The next event of any sequence; kTimeout when there was none for `timeout`, nothing once all
  // sequences ended. A later sequence that the engine refuses for good ends with kError.
  std::optional<Event> Next(std::chrono::milliseconds timeout);
  // Its end still comes as an event.
  void Cancel(size_t sequence);
  void CancelAll();

 private:
  using Stream = std::unique_ptr<engine::TokenStream>;

  bool MaySubmit(size_t sequence) const;
  Status Submit(size_t sequence);
  std::optional<Event> SubmitWaiting();
  std::optional<Event> Sweep();
  Event Took(size_t sequence, engine::TokenStream::Event event);

  engine::Engine& engine_;
  std::vector<Sequence> sequences_;
  size_t window_;
  std::vector<bool> submitted_, began_;
  std::vector<size_t> running_;  // sequences inside the engine, in order of submission
  size_t next_in_turn_ = 0;      // index into running_: no stream is always looked at first

  std::mutex mutex_;             // of what CancelAll touches
  std::vector<Stream> streams_;  // by sequence; null when not running
  bool cancelled_ = false;
};

}  // namespace moira::server
