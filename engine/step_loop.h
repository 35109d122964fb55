#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "cache/kv_pages.h"
#include "engine/engine.h"
#include "engine/model/executor.h"
#include "engine/request_desk.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// What the engine thread does: takes requests from the desk, plans a step, runs it, samples, and
// puts the tokens into their streams, until the desk cancels. Whatever happens to one sequence ends
// that sequence only. Run is the engine thread's; stats is thread-safe.
class StepLoop {
 public:
  // All arguments must outlive it.
  StepLoop(const SchedulerLimits& limits, Executor& executor, cache::KvPagePool& pages,
           const Tokenizer& tokenizer, RequestDesk& desk, WakeSignal& wake);

  // Returns when the desk cancels and no sequence is left.
  void Run();
  // All but the provider's and the desk's figures.
  EngineStats stats() const;

 private:
  void TakeRequests();
  void Admit();
  void RunStep(std::span<const Scheduler::Share> shares);
  void PrepareStep(std::span<const Scheduler::Share> shares);
  void FinishShare(const Scheduler::Share& share, const StepSequence& result);
  Status ContinueSequence(const Scheduler::Share& share, const StepSequence& result);
  // Ends the sequence and takes it out.
  void End(Sequence* sequence, FinishReason reason, Status status);
  template <typename Predicate>
  void EndAll(Predicate predicate, FinishReason reason, const Status& status);
  void CountStep(std::span<const Scheduler::Share> shares, double seconds);
  void PublishGauges();

  Executor& executor_;
  cache::KvPagePool& pages_;
  const Tokenizer& tokenizer_;
  RequestDesk& desk_;
  WakeSignal& wake_;
  KvBudget budget_;
  Scheduler scheduler_;  // after the budget, which its sequences give their pages back to
  std::vector<StepSequence> step_;
  SamplerScratch scratch_;

  mutable std::mutex stats_mutex_;
  EngineStats stats_;
};

}  // namespace moira::engine
