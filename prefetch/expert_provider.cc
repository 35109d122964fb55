#include "prefetch/expert_provider.h"

#include <algorithm>
#include <utility>

#include "cache/expert_store.h"
#include "cache/parallel_load.h"
#include "prefetch/acquisition_state.h"
#include "prefetch/copy_ledger.h"
#include "prefetch/record_mover.h"
#include "prefetch/speculator.h"
#include "prefetch/stats_board.h"
#include "prefetch/transfer_queue.h"

namespace moira::prefetch {
namespace {

// Threads that bring records in. Demand reads of a layer's misses overlap, which an NVMe drive
// needs to be fast; the engine thread, which waits for them, makes one more.
constexpr unsigned kTransferThreads = 3;
constexpr unsigned kLanes = kTransferThreads + 1;

using cache::RecordId;
using Progress = std::function<bool(uint64_t done, uint64_t total)>;

// Fills a slot for each record.
Status LoadAll(const cache::RecordIndex& index, cache::ExpertPool& pool, RecordMover& mover,
               const Progress& progress) {
  std::vector<cache::SlotId> slots;
  for (RecordId record = 0; record < index.records(); ++record) {
    const auto reservation = pool.Reserve({record, true, 1});
    if (!reservation) return InternalError("no slot for record " + std::to_string(record));
    slots.push_back(reservation->slot);
  }
  const uint64_t total = index.total_bytes();
  MOIRA_RETURN_IF_ERROR(cache::LoadInParallel(
      index.records(),
      [&](size_t item, unsigned thread) {
        const auto record = static_cast<RecordId>(item);
        return mover.Move(record, 0, index.record_bytes(record), pool.data(slots[item]), thread);
      },
      [&](size_t done) {
        const uint64_t left = total / index.records() * (index.records() - done);
        return !progress || progress(total - left, total);
      }));
  for (cache::SlotId slot : slots) MOIRA_RETURN_IF_ERROR(pool.Publish(slot));
  return {};
}

}  // namespace

// Members are destroyed from the last to the first: the queue's threads end before what they write.
struct ExpertProvider::State {
  explicit State(cache::RecordIndex records)
      : index(std::move(records)), last_ordinal(index.layers()) {}

  void BeginBounded(size_t ordinal, std::span<const uint32_t> experts) {
    ledger->Collect();
    if (ordinal <= last_ordinal) {
      pool->AdvanceTime();
      if (speculator != nullptr) speculator->OnPass();
    }
    last_ordinal = ordinal;
    acquisition->Begin(ordinal, experts);
    if (speculator != nullptr) speculator->OnRouted(ordinal, experts);
  }

  // Whether no other layer has yet to ask for its experts before this one does.
  bool AsksNext(size_t ordinal) const {
    return acquisition->active() || (last_ordinal + 1) % index.layers() == ordinal;
  }

  const cache::RecordIndex index;
  bool all_resident = false;
  size_t last_ordinal;  // of the last acquisition: a lower or equal one begins a new pass
  std::unique_ptr<cache::ExpertStore> store;
  std::unique_ptr<cache::ExpertPool> pool;
  std::unique_ptr<RecordMover> mover;
  StatsBoard board;
  std::unique_ptr<TransferQueue> queue;
  std::unique_ptr<CopyLedger> ledger;
  std::unique_ptr<AcquisitionState> acquisition;
  std::unique_ptr<Speculator> speculator;  // null when all is resident, or prefetch is off
};

Result<std::unique_ptr<ExpertProvider>> ExpertProvider::Create(
    const ProviderOptions& options, std::vector<cache::LayerRecords> layers,
    std::span<const format::ModelFile> files, Device& device, FaultPlan* faults,
    Progress progress) {
  MOIRA_ASSIGN_OR_RETURN(cache::RecordIndex index,
                         cache::RecordIndex::Create(std::move(layers), files));
  const std::vector<uint64_t> slots =
      cache::DivideSlots(options.expert_cache, options.automatic_bytes, index.all_layers());
  auto state = std::make_unique<State>(std::move(index));
  MOIRA_ASSIGN_OR_RETURN(state->pool,
                         cache::ExpertPool::Create(state->index, slots, options.policy, device));
  state->all_resident = state->pool->slots() == state->index.records();
  const bool needs_arena = !state->all_resident && !device.capabilities().unified;
  MOIRA_ASSIGN_OR_RETURN(
      state->store,
      cache::ExpertStore::Create(state->index, files, device,
                                 needs_arena ? options.host_arena_bytes : 0, faults, progress));
  const unsigned threads = state->all_resident ? 0 : kTransferThreads;
  MOIRA_ASSIGN_OR_RETURN(state->mover, CreateRecordMover(state->index, *state->store, device,
                                                         std::max(kLanes, cache::kLoadThreads)));
  if (state->all_resident) {
    MOIRA_RETURN_IF_ERROR(LoadAll(state->index, *state->pool, *state->mover, progress));
  }
  state->queue = std::make_unique<TransferQueue>(*state->mover, state->pool->slots(), threads);
  state->ledger = std::make_unique<CopyLedger>(state->index, *state->pool, *state->queue);
  state->acquisition =
      std::make_unique<AcquisitionState>(state->index, *state->pool, *state->ledger, state->board);
  std::unique_ptr<Predictor> predictor =
      CreatePredictor(options.prefetch, options.experts_per_token, state->index);
  if (predictor != nullptr && !state->all_resident) {
    state->speculator =
        std::make_unique<Speculator>(std::move(predictor), options.experts_per_token, state->index,
                                     *state->pool, *state->ledger, *state->queue);
  }
  state->board.Write(state->ledger->stats());
  return std::unique_ptr<ExpertProvider>(new ExpertProvider(std::move(state)));
}

ExpertProvider::ExpertProvider(std::unique_ptr<State> state) : state_(std::move(state)) {}
ExpertProvider::~ExpertProvider() = default;

Acquisition ExpertProvider::Acquire(uint32_t layer, std::span<const uint32_t> experts) {
  AcquisitionState& acquisition = *state_->acquisition;
  const std::optional<size_t> ordinal = state_->index.FindOrdinal(layer);
  const bool known = ordinal && std::all_of(experts.begin(), experts.end(), [&](uint32_t expert) {
                       return expert < state_->index.layer(*ordinal).experts;
                     });
  if (!known) {
    acquisition.BeginFailed(experts, InternalError("layer " + std::to_string(layer) +
                                                   " was asked for experts that it has not"));
  } else if (state_->all_resident) {
    acquisition.BeginResident(*ordinal, experts);
  } else {
    state_->BeginBounded(*ordinal, experts);
  }
  return Acquisition(&acquisition);
}

bool ExpertProvider::wants_predictions() const {
  return state_->speculator != nullptr && state_->speculator->wants_gate_scores();
}

void ExpertProvider::Predict(uint32_t layer, std::span<const float> scores, size_t tokens) {
  const std::optional<size_t> ordinal = state_->index.FindOrdinal(layer);
  if (state_->speculator == nullptr || !ordinal ||
      scores.size() != tokens * state_->index.layer(*ordinal).experts) {
    return;
  }
  // An acquisition of another layer may be under way and wait for what has landed.
  state_->acquisition->Collect();
  state_->speculator->OnGateScores(*ordinal, scores, tokens, state_->AsksNext(*ordinal));
}

ProviderStats ExpertProvider::stats() const { return state_->board.Read(); }

Acquisition::Acquisition(Acquisition&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)) {}

Acquisition::~Acquisition() {
  if (state_ != nullptr) state_->End();
}

std::span<Acquisition::Delivery> Acquisition::Next() { return state_->Next(); }

}  // namespace moira::prefetch
