#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "cache/expert_pool.h"
#include "prefetch/record_mover.h"

namespace moira::prefetch {

enum class TransferPriority : uint8_t { kSpeculative, kDemand };

// Fills slots. Demand transfers go first come, first served, several at a time; speculative ones go
// one at a time, only while there is no demand at all, and in chunks of kChunkBytes, so that a
// demand waits for one chunk at most. A slot has at most one transfer. Submit, Promote, Cancel,
// Take and Wait are one thread's (the engine's); the work is done by `workers` threads, and by the
// calling thread inside Wait.
class TransferQueue {
 public:
  // Small enough that a demand hardly waits for it, large enough for a copy engine's full rate
  // (from 256 KB on).
  static constexpr uint64_t kChunkBytes = 256 << 10;

  struct Request {
    cache::SlotId slot;
    cache::RecordId record;
    std::byte* destination;
    uint64_t bytes;
  };
  struct Landed {
    cache::SlotId slot;
    Status status;
  };
  struct Load {
    size_t transfers = 0;         // not landed
    double seconds_per_byte = 0;  // moving average; 0 before the first transfer
  };

  // `mover` must have workers + 1 lanes and outlive the queue. `slots` bounds the slot ids.
  TransferQueue(RecordMover& mover, size_t slots, unsigned workers);
  // Drops what has not started, and waits for what has.
  ~TransferQueue();
  TransferQueue(const TransferQueue&) = delete;
  TransferQueue& operator=(const TransferQueue&) = delete;

  void Submit(const Request& request, TransferPriority priority);
  // A speculative transfer is now waited for: from here on it is a demand.
  void Promote(cache::SlotId slot);
  // Takes back a transfer that no thread works on: true, and it will not land. A speculative one
  // may have been filled in part.
  bool Cancel(cache::SlotId slot);
  // Appends what has landed since the last call; never blocks.
  void Take(std::vector<Landed>& landed);
  // As Take, but blocks until there is something, working on demands meanwhile. Needs a transfer
  // that has not landed.
  void Wait(std::vector<Landed>& landed);

  Load load() const;

 private:
  enum class State : uint8_t { kIdle, kQueued, kRunning };
  struct Transfer {
    Request request{};
    uint64_t moved = 0;
    TransferPriority priority = TransferPriority::kDemand;
    State state = State::kIdle;
  };

  bool HasWork() const;
  Transfer& PickNext();
  void Run(unsigned lane);
  void Work(Transfer& transfer, unsigned lane, std::unique_lock<std::mutex>& lock);
  void Finish(Transfer& transfer, Status status);
  void MeasureRate(uint64_t bytes, double seconds);
  std::deque<cache::SlotId>& QueueOf(const Transfer& transfer) {
    return transfer.priority == TransferPriority::kDemand ? demand_ : speculative_;
  }

  RecordMover& mover_;
  mutable std::mutex mutex_;
  std::condition_variable work_;    // there is something to do, or the end
  std::condition_variable landed_;  // `done_` is not empty
  // All guarded by mutex_.
  std::vector<Transfer> transfers_;  // by slot
  std::deque<cache::SlotId> demand_, speculative_;
  std::vector<Landed> done_;
  size_t running_demand_ = 0;
  size_t running_speculative_ = 0;
  double seconds_per_byte_ = 0;
  bool stop_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace moira::prefetch
