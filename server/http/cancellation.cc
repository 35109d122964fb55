#include "server/http/cancellation.h"

#include <utility>

namespace moira::server {

Cancellation::Subscription::Subscription(Cancellation& owner, std::function<void()> action)
    : owner_(owner) {
  const std::lock_guard lock(owner_.mutex_);
  if (owner_.cancelled_) {
    action();
  } else {
    owner_.action_ = std::move(action);
  }
}

Cancellation::Subscription::~Subscription() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.action_ = nullptr;
}

void Cancellation::Cancel() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(cancelled_, true)) return;
  if (action_) action_();
}

bool Cancellation::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

}  // namespace moira::server
