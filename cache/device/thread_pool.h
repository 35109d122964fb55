#pragma once

#include <cstddef>
#include <memory>

#include "cache/device/function_ref.h"

namespace moira {

// Persistent workers for parallel loops. ParallelFor may be called by one thread at a time (the
// engine thread); it does not allocate, and the caller works too. Workers spin briefly between
// loops, then sleep, so an idle server uses no CPU.
class ThreadPool {
 public:
  // `threads` >= 1 counts the caller: 1 means no worker at all.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  unsigned threads() const;

  // Calls body(task, worker) once for each task in [0, tasks), in any order on any thread; worker
  // is in [0, threads()) and tells which scratch memory the call may use. Returns when all are
  // done. Tasks are taken dynamically, so unequal cores finish together. body must not call
  // ParallelFor.
  void ParallelFor(size_t tasks, FunctionRef<void(size_t task, unsigned worker)> body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// How many threads compute best here: physical cores that the affinity mask and the cgroup quota
// allow, at least 1.
unsigned DefaultThreadCount();

}  // namespace moira
