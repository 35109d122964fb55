#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "cache/device/status.h"
#include "engine/engine.h"
#include "engine/sequence.h"
#include "engine/wake_signal.h"

namespace moira::engine {

struct RequestLimits {
  size_t vocabulary = 0;
  uint32_t context_size = 0;
  size_t in_flight = 1;  // requests that run or wait
};

// Checks a request against the model; lowers max_tokens to what the context leaves room for.
Status ValidateRequest(const RequestLimits& limits, GenerateRequest& request);

// Where requests come in: refuses what does not fit, hands the rest to the engine thread, and knows
// how many are left. Thread-safe.
class RequestDesk {
 public:
  RequestDesk(const RequestLimits& limits, std::shared_ptr<WakeSignal> engine);

  // Any thread; never waits for the engine.
  Result<std::unique_ptr<TokenStream>> Submit(GenerateRequest request);
  // Refuses from now on.
  void Close();
  // Closes, and asks the engine thread to end every request.
  void CancelAll();
  // Until no request is left; false at the deadline.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline);
  void WaitUntilEmpty();

  // Engine thread.
  std::vector<std::unique_ptr<Sequence>> TakeNew();
  bool cancelling() const;

  size_t in_flight() const;
  uint64_t submitted() const;
  uint64_t refused() const;

 private:
  // Shared with the sequences, each of which counts itself out at its end.
  struct Counter {
    std::mutex mutex;
    std::condition_variable empty;
    size_t in_flight = 0;
  };

  Status CountIn();

  const RequestLimits limits_;
  const std::shared_ptr<WakeSignal> engine_;
  const std::shared_ptr<Counter> counter_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Sequence>> new_;
  bool closed_ = false;
  bool cancelling_ = false;
  uint64_t submitted_ = 0, refused_ = 0;
};

}  // namespace moira::engine
