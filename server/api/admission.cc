#include "server/api/admission.h"

#include <algorithm>
#include <cmath>

namespace moira::server {
namespace {

constexpr double kWeightOfNewest = 0.1;  // of the moving average: remembers about 20 requests
constexpr double kMinRetrySeconds = 1;
constexpr double kMaxRetrySeconds = 120;

}  // namespace

Admission::Place::Place(Admission& owner) : owner_(owner) {
  const std::lock_guard lock(owner_.mutex_);
  ++owner_.inside_;
}

Admission::Place::~Place() {
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - since_;
  const std::lock_guard lock(owner_.mutex_);
  double& mean = owner_.mean_seconds_;
  mean += (taken.count() - mean) * (mean == 0 ? 1 : kWeightOfNewest);
  if (--owner_.inside_ == 0) owner_.empty_.notify_all();
}

bool Admission::full() const {
  const std::lock_guard lock(mutex_);
  return inside_ >= capacity_;
}

int Admission::RetryAfter() const {
  const std::lock_guard lock(mutex_);
  // The time that a request took holds its own waiting: what counts is how fast places get free.
  const double places = static_cast<double>(std::max<size_t>(inside_, parallel_));
  const double ahead = static_cast<double>(inside_ > parallel_ ? inside_ - parallel_ : 0) + 1;
  const double seconds = ahead * mean_seconds_ / places;
  return static_cast<int>(std::clamp(std::ceil(seconds), kMinRetrySeconds, kMaxRetrySeconds));
}

bool Admission::WaitUntilEmpty(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, deadline, [this] { return inside_ == 0; });
}

}  // namespace moira::server
