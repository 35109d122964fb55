#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quant/activation_rows.h"
#include "quant/compute.h"
#include "quant/kernels.h"
#include "quant/panel_worker.h"

namespace moira::quant {

// ComputeMode::kFast on the kernels of one instruction set. Work is cut into units of whole panels
// that workers take as they come. Owned by the engine thread; no call allocates once its memory has
// grown to the largest sizes seen.
class FastCompute final : public Compute {
 public:
  FastCompute(const KernelTable& table, ThreadPool& pool)
      : Compute(pool), table_(table), input_(table), workers_(pool.threads()) {}

  void SetInput(const float* input, size_t tokens, size_t columns) override;
  void MatMul(std::span<const MatMulTask> tasks) override;
  void ExpertFfn(std::span<const ExpertJob> jobs, FfnActivation activation) override;

 private:
  // Rows [begin, end) of the matrix (or gate and up matrix) of task or job `owner`.
  struct Unit {
    uint32_t owner;
    uint64_t begin, end;
  };
  // Where an expert job's rows are in the arrays over all jobs.
  struct JobState {
    size_t first_row;
    float* hidden;         // row-major [rows, expert width]: gated product
    std::byte* quantized;  // the same in the form that the down matrix wants, or null
    std::atomic<uint32_t> units_left;
  };
  using Rows = std::span<const std::byte* const>;

  const PanelKernel& Kernel(format::TensorType type) const;
  // Appends units for the rows of a matrix; a row costs `row_cost`, a unit about `unit_cost`.
  void AddUnits(uint32_t owner, uint64_t rows, uint64_t row_cost, uint64_t unit_cost);
  uint64_t UnitCost(uint64_t total_cost);
  static uint64_t RowCost(const MatrixView& weights, size_t tokens);
  // Row r of the output is output[t * stride + r] for token t.
  void RunRows(const PanelKernel& kernel, const MatrixView& weights, const Unit& unit, Rows rows,
               float* output, size_t stride, PanelWorker& worker);

  // sums: [tokens, panel_rows]; output: the panel's first row for the first token.
  void StoreSums(const float* sums, PanelLanes lanes, size_t tokens, float* output,
                 size_t stride) const;

  void PrepareJobs(std::span<const ExpertJob> jobs);
  void RunGateUp(const ExpertJob& job, JobState& state, const Unit& unit, PanelWorker& worker);
  void GatePanel(const ExpertJob& job, JobState& state, uint64_t row, size_t first_token,
                 size_t tokens, PanelWorker& worker);
  void QuantizeHidden(const ExpertJob& job, const JobState& state);

  const KernelTable& table_;
  ActivationRows input_;
  std::vector<PanelWorker> workers_;
  std::vector<Unit> units_;
  // Activation rows by form: of all tokens in MatMul, of all jobs' rows in a row in ExpertFfn.
  std::vector<const std::byte*> rows_[kActivationForms];
  std::vector<const std::byte*> hidden_rows_;
  std::unique_ptr<JobState[]> jobs_;
  size_t jobs_capacity_ = 0;
  Scratch hidden_;
  Scratch quantized_;
};

}  // namespace moira::quant
