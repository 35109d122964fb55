#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cache/device/thread_pool.h"
#include "engine/model/executor.h"
#include "engine/model/workspace.h"

namespace moira::engine {

// One token of a step: a row of the workspace's arrays.
struct StepRow {
  uint32_t sequence;  // index in the step
  uint32_t position;
  int32_t token;
};

// The rows of one sequence, which lie side by side.
struct SequenceRows {
  uint32_t sequence;  // index in the step
  uint32_t first_row;
  uint32_t rows;
  uint32_t first_position;
  std::span<std::byte* const> pages;  // from position 0
};

// Which tokens a step still computes, and where they are. Owned by the engine thread.
class StepState {
 public:
  StepState(const ModelConfig& config, Workspace& space, cache::KvPagePool& pages,
            uint32_t max_rows);

  // Takes in the sequences that can run; the others get their status.
  void Begin(std::span<StepSequence> step);
  // Removes the sequences that were cancelled or have a status that is not ok, and closes the gaps
  // that their rows leave in `hidden` and `angles`.
  void DropEnded();

  std::span<StepSequence> step() const { return step_; }
  std::span<const SequenceRows> sequences() const { return sequences_; }
  std::span<const StepRow> rows() const { return rows_; }

 private:
  Status Check(const StepSequence& sequence) const;

  const ModelConfig& config_;
  Workspace& space_;
  cache::KvPagePool& pages_;
  uint32_t max_rows_;
  std::span<StepSequence> step_;
  std::vector<SequenceRows> sequences_;
  std::vector<StepRow> rows_;
  std::vector<std::byte*> page_memory_;  // of all sequences
};

// Calls body(row, worker) for all rows, several in a task; one row is done without waking anybody.
template <typename Body>
void ForRows(ThreadPool& pool, size_t rows, const Body& body) {
  constexpr size_t kRowsPerTask = 8;
  pool.ParallelFor((rows + kRowsPerTask - 1) / kRowsPerTask, [&](size_t task, unsigned worker) {
    const size_t end = std::min(rows, (task + 1) * kRowsPerTask);
    for (size_t row = task * kRowsPerTask; row < end; ++row) body(row, worker);
  });
}

}  // namespace moira::engine
