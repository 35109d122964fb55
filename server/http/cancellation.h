#pragma once

#include <functional>
#include <mutex>

namespace moira::server {

// Tells the work for one request that nobody waits for it any more. Thread-safe; fires at most
// once.
class Cancellation {
 public:
  // Calls `action` when cancelled (at once if that already happened) until the subscription is
  // destroyed, which waits for a call that is running. `action` must be short and must not touch
  // this object.
  class Subscription {
   public:
    Subscription(Cancellation& owner, std::function<void()> action);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    Cancellation& owner_;
  };

  void Cancel();
  bool cancelled() const;

 private:
  mutable std::mutex mutex_;
  bool cancelled_ = false;
  std::function<void()> action_;  // of the one subscription
};

}  // namespace moira::server
