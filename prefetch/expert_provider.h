#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/budget.h"
#include "cache/device/device.h"
#include "cache/device/fault_plan.h"
#include "cache/expert_pool.h"
#include "cache/expert_record.h"
#include "cache/format/model_file.h"
#include "prefetch/provider_stats.h"

namespace moira::prefetch {

// Where the predictions come from that copies are started by.
enum class PrefetchMode { kAutomatic, kGate, kPrevious, kFrequency, kOff };
Result<PrefetchMode> ParsePrefetchMode(std::string_view text);

struct ProviderOptions {
  cache::ExpertCacheBudget expert_cache;
  uint64_t automatic_bytes = 0;    // what an automatic budget may take
  std::string policy = "decayed";  // replacement policy, by name
  PrefetchMode prefetch = PrefetchMode::kAutomatic;
  uint32_t experts_per_token = 1;  // top-k: the planner over-fetches relative to it
  uint64_t host_arena_bytes = 0;   // room for the host tier; records that do not fit stay in the
                                   // file (0: all do). Ignored by unified devices: no such tier
};

// Pins a slot's content while kernels use it. Move-only; must not outlive the provider.
using ExpertLease = cache::ExpertLease;

class AcquisitionState;

// One layer's experts, being brought in. Destroying it drops what was not delivered yet.
class Acquisition {
 public:
  struct Delivery {
    uint32_t expert;
    bool hit;       // was resident when asked for
    Status status;  // not ok: the cold tier failed, there is no lease
    ExpertLease lease;
  };

  Acquisition(Acquisition&&) noexcept;
  ~Acquisition();

  // The next experts that are ready: first all hits, then the others as they land. Blocks until at
  // least one is ready; empty when every expert was delivered. Releases the leases of the group
  // before it, so that a pool smaller than the layer is worked through in turns.
  std::span<Delivery> Next();

 private:
  friend class ExpertProvider;
  explicit Acquisition(AcquisitionState* state) : state_(state) {}

  AcquisitionState* state_;  // the provider's only one; null once moved from
};

// The engine's only door to the experts' bytes: store, pool, policy, predictor, planner and
// transfer queue behind three calls. Predict and Acquire are the engine thread's; stats() is
// thread-safe. What is resident changes only when things happen, never what is delivered.
class ExpertProvider {
 public:
  // `progress` (may be empty) hears bytes done and bytes in all while experts are loaded; returning
  // false stops with kCancelled. `files` and `device` must outlive the provider; `faults` may be
  // null. A budget that holds everything loads everything here.
  static Result<std::unique_ptr<ExpertProvider>> Create(
      const ProviderOptions& options, std::vector<cache::LayerRecords> layers,
      std::span<const format::ModelFile> files, Device& device, FaultPlan* faults,
      std::function<bool(uint64_t done, uint64_t total)> progress);
  ~ExpertProvider();

  // False when predictions could not help (all resident, or switched off): do not compute them.
  bool wants_predictions() const;
  // Router logits that were predicted for a coming layer, row-major [tokens, experts of layer].
  // Starts copies where that is worth it, behind the demands of a layer that asks before that one;
  // never blocks.
  void Predict(uint32_t layer, std::span<const float> scores, size_t tokens);
  // Begins to bring in `experts` (distinct) of `layer`. Only one Acquisition exists at a time.
  Acquisition Acquire(uint32_t layer, std::span<const uint32_t> experts);

  ProviderStats stats() const;

 private:
  struct State;
  explicit ExpertProvider(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moira::prefetch
