#include "engine/engine.h"

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/model_loader.h"
#include "engine/request_desk.h"
#include "engine/step_loop.h"

namespace moira::engine {
namespace {

SchedulerLimits MakeSchedulerLimits(const EngineOptions& options, const Placement& placement) {
  return {options.parallel, options.prefill_chunk, placement.prefill_tokens_all_logits};
}

RequestLimits MakeRequestLimits(const EngineOptions& options, const LoadedModel& model) {
  return {model.tokenizer->vocabulary_size(), model.file.placement.context_size,
          size_t{options.parallel} + options.max_queued};
}

// The parts of a loaded model, the desk and the thread between them. Thread-safe.
class ThreadedEngine : public Engine {
 public:
  ThreadedEngine(const EngineOptions& options, std::unique_ptr<LoadedModel> model)
      : model_(std::move(model)),
        wake_(std::make_shared<WakeSignal>()),
        desk_(MakeRequestLimits(options, *model_), wake_),
        loop_(MakeSchedulerLimits(options, model_->file.placement), *model_->executor,
              *model_->kv_pages, *model_->tokenizer, desk_, *wake_),
        thread_([this] { loop_.Run(); }) {}

  ~ThreadedEngine() override {
    desk_.CancelAll();
    thread_.join();
  }

  const ModelInfo& model() const override { return model_->info; }
  const Tokenizer& tokenizer() const override { return *model_->tokenizer; }
  const ChatTemplate* chat_template() const override { return model_->chat_template.get(); }
  Status chat_template_status() const override { return model_->chat_template_status; }

  Result<std::unique_ptr<TokenStream>> Submit(GenerateRequest request) override {
    try {
      return desk_.Submit(std::move(request));
    } catch (const std::exception& error) {
      return ResourceExhausted(std::string("no memory for the request: ") + error.what());
    }
  }

  EngineStats stats() const override {
    EngineStats stats = loop_.stats();
    const uint32_t in_flight = static_cast<uint32_t>(desk_.in_flight());
    stats.waiting = in_flight - std::min(in_flight, stats.running);
    stats.requests_submitted = desk_.submitted();
    stats.requests_refused = desk_.refused();
    if (model_->experts != nullptr) {
      stats.experts = model_->experts->stats();
      const uint64_t asked =
          stats.experts.hits + stats.experts.hits_in_flight + stats.experts.misses;
      if (stats.experts.experts > 0) {
        stats.expert_bytes_used = asked * (stats.experts.expert_bytes / stats.experts.experts);
      }
    }
    return stats;
  }

  bool Drain(std::chrono::milliseconds deadline) override {
    desk_.Close();
    if (desk_.WaitUntilEmpty(std::chrono::steady_clock::now() + deadline)) return true;
    desk_.CancelAll();
    desk_.WaitUntilEmpty();
    return false;
  }

 private:
  const std::unique_ptr<LoadedModel> model_;
  const std::shared_ptr<WakeSignal> wake_;
  RequestDesk desk_;
  StepLoop loop_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Load(
    const EngineOptions& options, std::function<bool(uint64_t done, uint64_t total)> progress) {
  try {
    MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<LoadedModel> model, LoadModel(options, progress));
    return std::unique_ptr<Engine>(std::make_unique<ThreadedEngine>(options, std::move(model)));
  } catch (const std::exception& error) {
    return ResourceExhausted(std::string("loading the model failed: ") + error.what());
  }
}

}  // namespace moira::engine
