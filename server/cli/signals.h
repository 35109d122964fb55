#pragma once

#include <atomic>
#include <thread>

namespace moira::server {

// Turns SIGINT and SIGTERM into a question. Create it before any other thread, so that all threads
// inherit the blocked signals. The first signal is a request to stop; a second one ends the process
// at once, for a person whose patience is over.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool requested() const { return requested_.load(); }
  // Blocks until a signal has come.
  void Wait() const;

 private:
  void Watch();

  std::atomic<bool> requested_{false};
  std::atomic<bool> closing_{false};
  std::thread watcher_;
};

}  // namespace moira::server
