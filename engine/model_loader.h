#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cache/device/device.h"
#include "cache/device/fault_plan.h"
#include "cache/device/thread_pool.h"
#include "cache/format/gguf.h"
#include "cache/kv_pages.h"
#include "engine/chat_template/chat_template.h"
#include "engine/engine.h"
#include "engine/model/executor.h"
#include "engine/model/model_config.h"
#include "engine/placement.h"
#include "engine/tokenizer/tokenizer.h"
#include "prefetch/expert_provider.h"

namespace moira::engine {

// A model file that was looked at but not loaded: what a plan is made from.
struct OpenedModel {
  format::Gguf gguf;
  ModelConfig config;
  std::vector<cache::LayerRecords> experts;
  Placement placement;
};

// Memory to decide for: the machine's own, or that of hardware that is not at hand.
struct MemoryTiers {
  MemoryInfo host;
  std::optional<uint64_t> card;  // see PlacementInput
};

// Opens, validates and decides where everything goes; reads no weights. The decision may not fit.
Result<OpenedModel> InspectModel(const EngineOptions& options, const MemoryTiers& memory);
// The same for the machine at hand, and an error if it does not fit.
Result<OpenedModel> OpenModel(const EngineOptions& options);

// All parts of a running model. Members are in the order of their dependence: each may use those
// before it, and is destroyed before them.
struct LoadedModel {
  explicit LoadedModel(OpenedModel opened) : file(std::move(opened)) {}

  OpenedModel file;
  ModelInfo info;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<ChatTemplate> chat_template;  // null if the file has none that works
  Status chat_template_status;
  std::unique_ptr<FaultPlan> faults;
  std::unique_ptr<Device> device;
  std::unique_ptr<ThreadPool> threads;
  std::unique_ptr<cache::KvPagePool> kv_pages;
  std::unique_ptr<prefetch::ExpertProvider> experts;  // null for a dense model
  std::unique_ptr<Executor> executor;
};

using LoadProgress = std::function<bool(uint64_t done, uint64_t total)>;

// Loads everything. `progress` may be empty; returning false stops with kCancelled.
Result<std::unique_ptr<LoadedModel>> LoadModel(const EngineOptions& options,
                                               const LoadProgress& progress);

// The device and the compute threads that the options ask for.
std::unique_ptr<Device> MakeDevice(const EngineOptions& options, FaultPlan* faults);
std::unique_ptr<ThreadPool> MakeThreadPool(const EngineOptions& options);

}  // namespace moira::engine
