#include "server/cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace moira::server {
namespace {

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  signal(SIGPIPE, SIG_IGN);  // a closed connection is an error code, not the end of the process
  sigset_t set = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  watcher_ = std::thread([this] { Watch(); });
}

StopSignals::~StopSignals() {
  closing_.store(true);
  pthread_kill(watcher_.native_handle(), SIGTERM);
  watcher_.join();
}

void StopSignals::Wait() const { requested_.wait(false); }

void StopSignals::Watch() {
  sigset_t set = WatchedSignals();
  int signal_number = 0;
  while (sigwait(&set, &signal_number) == 0 && !closing_.load()) {
    if (requested_.exchange(true)) _exit(128 + signal_number);
    requested_.notify_all();
  }
}

}  // namespace moira::server
