#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cache/expert_record.h"
#include "engine/engine.h"
#include "engine/memory_info.h"
#include "engine/model/executor.h"
#include "engine/model/model_config.h"

namespace moira::engine {

// What the decision where everything goes is made from.
struct PlacementInput {
  const EngineOptions& options;
  const ModelConfig& config;
  std::span<const cache::LayerRecords> experts;
  uint64_t dense_bytes = 0;  // weights that are no routed experts
  MemoryInfo memory;
  // What is free on a device with memory of its own; absent where the device shares the host's.
  std::optional<uint64_t> card_memory;
};

// Where everything goes. `moira plan` prints what Load does, because both ask DecidePlacement.
struct Placement {
  uint32_t context_size = 0;
  size_t kv_pages = 0;
  uint32_t prefill_tokens_all_logits = 0;  // see SchedulerLimits

  // Bytes of device memory.
  uint64_t dense_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;         // activations and logits of a step, by estimate
  uint64_t pool_bytes = 0;              // expert slots
  uint64_t device_limit = 0;            // bytes that may be used
  uint64_t device_reserve = 0;          // bytes that an automatic limit leaves free
  uint64_t automatic_expert_bytes = 0;  // what an automatic expert cache may take

  std::vector<uint64_t> slots;  // of each layout class
  uint64_t slot_count = 0;
  uint64_t expert_count = 0;
  uint64_t expert_bytes = 0;      // of all routed experts' records
  uint64_t resident_bytes = 0;    // of them, what the slots hold
  uint64_t host_arena_bytes = 0;  // emulated device: the tier between slots and file

  uint64_t device_bytes() const { return dense_bytes + kv_bytes + workspace_bytes + pool_bytes; }
  double residency() const {
    return expert_bytes == 0 ? 1 : static_cast<double>(resident_bytes) / expert_bytes;
  }
};

// kInvalidArgument for options outside their bounds, kUnsupported for what no CPU device does;
// names field, value and bound.
Status ValidateOptions(const EngineOptions& options);

// `input.options` are valid. What the user set is kept; what was left to Moira (context, expert
// cache) becomes smaller until all fits. The result may still not fit: see CheckFits.
Result<Placement> DecidePlacement(const PlacementInput& input);
// kResourceExhausted, naming each part's size, when the device or the expert cache is too small.
Status CheckFits(const EngineOptions& options, const Placement& placement);

KvType KvTypeOf(const EngineOptions& options);
// Tokens that one step has at most.
uint32_t MaxStepTokens(const EngineOptions& options);

}  // namespace moira::engine
