#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cache/device/host_device.h"
#include "cache/kv_pages.h"
#include "engine/model/executor.h"

namespace moira::testing {

struct RunnerOptions {
  quant::ComputeMode compute = quant::ComputeMode::kFast;
  engine::KvType kv_type = engine::KvType::kF16;
  unsigned threads = 2;
  uint32_t max_step_tokens = 128;
  uint32_t max_context = 512;
  uint32_t sequences = 4;
  cache::ExpertCacheBudget expert_cache = {cache::ExpertCacheBudget::Kind::kAll, 0, 0};
  prefetch::PrefetchMode prefetch = prefetch::PrefetchMode::kOff;
  std::string faults = {};  // see FaultPlan
};

// A model file with everything that an Executor needs around it, for tests that drive the executor
// directly: sequences are numbered, and their tokens are appended to what they hold.
class ModelRunner {
 public:
  struct Append {
    uint32_t sequence;
    std::vector<int32_t> tokens;
  };
  using Logits = std::vector<std::vector<float>>;  // [tokens][vocabulary]

  static Result<std::unique_ptr<ModelRunner>> Open(const std::string& path,
                                                   const RunnerOptions& options) {
    MOIRA_ASSIGN_OR_RETURN(format::Gguf gguf, format::Gguf::Open(path));
    MOIRA_ASSIGN_OR_RETURN(engine::ModelConfig config, engine::ReadModelConfig(gguf));
    auto runner =
        std::unique_ptr<ModelRunner>(new ModelRunner(std::move(gguf), std::move(config), options));
    MOIRA_RETURN_IF_ERROR(runner->Start(options));
    return runner;
  }

  // Runs one step; the statuses and the logits of all its tokens, in the order of `appends`.
  std::vector<Status> Step(const std::vector<Append>& appends, std::vector<Logits>& logits) {
    std::vector<engine::StepSequence> step;
    for (const Append& append : appends) {
      Sequence& sequence = sequences_[append.sequence];
      const size_t end = sequence.length + append.tokens.size();
      while (sequence.pages.size() * engine::kKvPageTokens < end) {
        sequence.pages.push_back(*pages_->Allocate());
      }
      engine::StepSequence& part = step.emplace_back();
      part.tokens = append.tokens;
      part.first_position = sequence.length;
      part.pages = sequence.pages;
      part.wanted = engine::StepSequence::Logits::kAll;
      sequence.length = static_cast<uint32_t>(end);
    }
    executor_->Run(step);
    std::vector<Status> statuses;
    logits.clear();
    for (const engine::StepSequence& sequence : step) {
      statuses.push_back(sequence.status);
      logits.push_back(Rows(sequence.logits));
      hits_ += sequence.experts.hits;
      misses_ += sequence.experts.misses;
    }
    return statuses;
  }

  // One sequence's tokens as one step. Empty if that failed.
  Logits Run(uint32_t sequence, std::vector<int32_t> tokens) {
    std::vector<Logits> logits;
    Step({{sequence, std::move(tokens)}}, logits);
    return std::move(logits.front());
  }

  // Forgets what a sequence holds.
  void Reset(uint32_t sequence) {
    for (cache::KvPageId page : sequences_[sequence].pages) pages_->Release(page);
    sequences_[sequence] = {};
  }

  // For tests that put their steps together themselves.
  cache::KvPageId AllocatePage() { return *pages_->Allocate(); }

  engine::Executor& executor() { return *executor_; }
  prefetch::ExpertProvider* provider() { return provider_.get(); }
  const engine::ModelConfig& config() const { return config_; }
  const format::Gguf& gguf() const { return gguf_; }
  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }

 private:
  struct Sequence {
    uint32_t length = 0;
    std::vector<cache::KvPageId> pages;
  };

  ModelRunner(format::Gguf gguf, engine::ModelConfig config, const RunnerOptions& options)
      : gguf_(std::move(gguf)),
        config_(std::move(config)),
        pool_(options.threads),
        sequences_(options.sequences) {}

  Status Start(const RunnerOptions& options) {
    if (!options.faults.empty()) {
      MOIRA_ASSIGN_OR_RETURN(faults_, FaultPlan::Parse(options.faults));
    }
    device_ = CreateHostDevice(std::nullopt, nullptr);
    const size_t pages_each =
        (options.max_context + engine::kKvPageTokens - 1) / engine::kKvPageTokens;
    MOIRA_ASSIGN_OR_RETURN(
        pages_, cache::KvPagePool::Create(*device_, engine::KvPageBytes(config_, options.kv_type),
                                          pages_each * options.sequences));
    MOIRA_ASSIGN_OR_RETURN(std::vector<cache::LayerRecords> experts,
                           engine::DescribeExperts(gguf_, config_));
    if (!experts.empty()) {
      prefetch::ProviderOptions provider;
      provider.expert_cache = options.expert_cache;
      provider.prefetch = options.prefetch;
      provider.experts_per_token = config_.experts_per_token;
      MOIRA_ASSIGN_OR_RETURN(
          provider_, prefetch::ExpertProvider::Create(provider, std::move(experts), gguf_.files(),
                                                      *device_, faults_.get(), {}));
    }
    const engine::ExecutorOptions executor = {options.compute, options.kv_type,
                                              options.max_step_tokens, options.max_context};
    MOIRA_ASSIGN_OR_RETURN(
        executor_, engine::CreateHostExecutor(gguf_, config_, executor, *device_, pool_, *pages_,
                                              provider_.get(), {}));
    return {};
  }

  Logits Rows(std::span<const float> values) const {
    Logits rows;
    for (size_t i = 0; i < values.size(); i += config_.vocabulary) {
      rows.emplace_back(values.begin() + i, values.begin() + i + config_.vocabulary);
    }
    return rows;
  }

  format::Gguf gguf_;
  engine::ModelConfig config_;
  ThreadPool pool_;
  std::unique_ptr<FaultPlan> faults_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<cache::KvPagePool> pages_;
  std::unique_ptr<prefetch::ExpertProvider> provider_;
  std::unique_ptr<engine::Executor> executor_;
  std::vector<Sequence> sequences_;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

inline int32_t Argmax(const std::vector<float>& logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace moira::testing
