#include "prefetch/transfer_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace moira::prefetch {
namespace {

// Weight of a new measurement: the average follows a change of the link within some ten copies.
constexpr double kRateWeight = 1.0 / 16;

}  // namespace

TransferQueue::TransferQueue(RecordMover& mover, size_t slots, unsigned workers)
    : mover_(mover), transfers_(slots) {
  for (unsigned lane = 0; lane < workers; ++lane) {
    workers_.emplace_back([this, lane] { Run(lane); });
  }
}

TransferQueue::~TransferQueue() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  workers_.clear();
}

void TransferQueue::Submit(const Request& request, TransferPriority priority) {
  std::lock_guard lock(mutex_);
  Transfer& transfer = transfers_[request.slot];
  transfer = {request, 0, priority, State::kQueued};
  QueueOf(transfer).push_back(request.slot);
  work_.notify_one();
}

void TransferQueue::Promote(cache::SlotId slot) {
  std::lock_guard lock(mutex_);
  Transfer& transfer = transfers_[slot];
  if (transfer.state == State::kIdle || transfer.priority == TransferPriority::kDemand) return;
  if (transfer.state == State::kQueued) {
    std::erase(speculative_, slot);
    demand_.push_back(slot);
    work_.notify_one();
  } else {
    --running_speculative_;
    ++running_demand_;
  }
  transfer.priority = TransferPriority::kDemand;
}

bool TransferQueue::Cancel(cache::SlotId slot) {
  std::lock_guard lock(mutex_);
  Transfer& transfer = transfers_[slot];
  if (transfer.state != State::kQueued) return false;
  std::erase(QueueOf(transfer), slot);
  transfer.state = State::kIdle;
  // A demand that goes may be what the speculative ones were waiting for.
  work_.notify_one();
  return true;
}

void TransferQueue::Take(std::vector<Landed>& landed) {
  std::lock_guard lock(mutex_);
  std::move(done_.begin(), done_.end(), std::back_inserter(landed));
  done_.clear();
}

void TransferQueue::Wait(std::vector<Landed>& landed) {
  const auto own_lane = static_cast<unsigned>(workers_.size());
  std::unique_lock lock(mutex_);
  while (done_.empty()) {
    if (!demand_.empty()) {
      Work(PickNext(), own_lane, lock);
    } else {
      landed_.wait(lock, [this] { return !done_.empty() || !demand_.empty(); });
    }
  }
  std::move(done_.begin(), done_.end(), std::back_inserter(landed));
  done_.clear();
}

TransferQueue::Load TransferQueue::load() const {
  std::lock_guard lock(mutex_);
  return {demand_.size() + speculative_.size() + running_demand_ + running_speculative_,
          seconds_per_byte_};
}

bool TransferQueue::HasWork() const {
  if (!demand_.empty()) return true;
  return !speculative_.empty() && running_demand_ == 0 && running_speculative_ == 0;
}

// Needs HasWork().
TransferQueue::Transfer& TransferQueue::PickNext() {
  std::deque<cache::SlotId>& queue = demand_.empty() ? speculative_ : demand_;
  Transfer& transfer = transfers_[queue.front()];
  queue.pop_front();
  transfer.state = State::kRunning;
  ++(transfer.priority == TransferPriority::kDemand ? running_demand_ : running_speculative_);
  return transfer;
}

void TransferQueue::Run(unsigned lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stop_ || HasWork(); });
    if (stop_) return;
    Work(PickNext(), lane, lock);
  }
}

// Moves the transfer's next bytes, with the lock released: all of them, or one chunk.
void TransferQueue::Work(Transfer& transfer, unsigned lane, std::unique_lock<std::mutex>& lock) {
  const Request request = transfer.request;
  const uint64_t left = request.bytes - transfer.moved;
  const uint64_t bytes =
      transfer.priority == TransferPriority::kDemand ? left : std::min<uint64_t>(left, kChunkBytes);
  const uint64_t offset = transfer.moved;
  lock.unlock();
  const auto start = std::chrono::steady_clock::now();
  Status status = mover_.Move(request.record, offset, bytes, request.destination, lane);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  lock.lock();
  transfer.moved += bytes;
  --(transfer.priority == TransferPriority::kDemand ? running_demand_ : running_speculative_);
  if (status.ok()) MeasureRate(bytes, seconds.count());
  if (!status.ok() || transfer.moved == request.bytes) {
    Finish(transfer, std::move(status));
  } else {
    transfer.state = State::kQueued;
    QueueOf(transfer).push_front(request.slot);
  }
  if (HasWork()) work_.notify_one();
}

void TransferQueue::Finish(Transfer& transfer, Status status) {
  transfer.state = State::kIdle;
  done_.push_back({transfer.request.slot, std::move(status)});
  landed_.notify_one();
}

void TransferQueue::MeasureRate(uint64_t bytes, double seconds) {
  const double measured = seconds / static_cast<double>(bytes);
  seconds_per_byte_ = seconds_per_byte_ == 0
                          ? measured
                          : seconds_per_byte_ + kRateWeight * (measured - seconds_per_byte_);
}

}  // namespace moira::prefetch
