#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cache/device/device.h"
#include "cache/device/thread_pool.h"
#include "cache/format/gguf.h"
#include "cache/kv_pages.h"
#include "engine/model/model_config.h"
#include "prefetch/expert_provider.h"
#include "quant/compute.h"

namespace moira::engine {

enum class KvType { kF16, kF32 };

// Tokens that share a KV page. Prefixes are reused in these units.
inline constexpr uint32_t kKvPageTokens = 32;
// Bytes of a page: keys and values of kKvPageTokens tokens in all layers.
uint64_t KvPageBytes(const ModelConfig& config, KvType type);

// How often the tokens of one sequence found their experts resident in one step.
struct ExpertUse {
  uint64_t hits = 0;
  uint64_t misses = 0;
};

// One sequence's share of a step: consecutive tokens that are appended to what its pages hold.
struct StepSequence {
  enum class Logits { kNone, kLast, kAll };

  std::span<const int32_t> tokens;
  uint32_t first_position = 0;
  std::span<const cache::KvPageId> pages;  // cover positions [0, first_position + tokens.size())
  Logits wanted = Logits::kNone;
  const std::atomic<bool>* cancelled = nullptr;  // looked at once per layer

  // Results. A sequence that failed (its experts could not be read) or was cancelled has a status
  // and no logits; the others of the step are not affected.
  Status status;
  ExpertUse experts;
  std::span<const float> logits;  // [1 or tokens.size(), vocabulary]; valid until the next Run
};

// What a router chose for one token: for tests and route traces.
struct RouteRecord {
  uint32_t layer;
  uint32_t sequence;  // index in the step
  uint32_t position;
  std::span<const uint32_t> experts;  // falling selection score
  std::span<const float> weights;     // as multiplied into the experts' outputs
};

// Runs steps of a model on one device. Owned by the engine thread. The result for a sequence does
// not depend on the others in the step, on how its tokens were cut into steps, or on what is
// resident.
class Executor {
 public:
  virtual ~Executor() = default;
  // Total tokens of a step are at most `max_step_tokens` of the options.
  virtual void Run(std::span<StepSequence> step) = 0;
  // Null to switch off.
  virtual void SetRouteObserver(std::function<void(const RouteRecord&)> observer) = 0;
  // Bytes of weights that every token reads (all but the routed experts).
  virtual uint64_t dense_bytes() const = 0;
};

struct ExecutorOptions {
  quant::ComputeMode compute = quant::ComputeMode::kFast;
  KvType kv_type = KvType::kF16;
  uint32_t max_step_tokens = 512;
  uint32_t max_context = 4096;  // longest sequence
};

// How the routed experts' records are put together, for the provider. Layout classes are numbered
// by first appearance of a combination of shapes and types. Empty for a dense model.
Result<std::vector<cache::LayerRecords>> DescribeExperts(const format::Gguf& gguf,
                                                         const ModelConfig& config);

// Bytes that Create will load for all that is not a routed expert.
Result<uint64_t> DenseWeightBytes(const format::Gguf& gguf, const ModelConfig& config);

// Loads the dense weights and makes the executor for CPU devices. `provider` may be null for a
// dense model; `pages` holds pages of KvPageBytes. All of them must outlive the executor.
// `progress` hears bytes done and bytes in all; returning false stops with kCancelled.
Result<std::unique_ptr<Executor>> CreateHostExecutor(
    const format::Gguf& gguf, const ModelConfig& config, const ExecutorOptions& options,
    Device& device, ThreadPool& pool, cache::KvPagePool& pages, prefetch::ExpertProvider* provider,
    std::function<bool(uint64_t done, uint64_t total)> progress);

}  // namespace moira::engine
