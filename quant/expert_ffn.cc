#include <algorithm>

#include "quant/fast_compute.h"

// Two parallel regions for all experts together: gate and up products with the gating, then the
// down products. The unit that finishes a job's hidden rows also rounds them, so that no region of
// its own is needed for that.
namespace moira::quant {

void FastCompute::PrepareJobs(std::span<const ExpertJob> jobs) {
  if (jobs_capacity_ < jobs.size()) {
    jobs_ = std::make_unique<JobState[]>(jobs.size());
    jobs_capacity_ = jobs.size();
  }
  for (auto& rows : rows_) rows.clear();
  size_t hidden_floats = 0, quantized_bytes = 0, first_row = 0;
  for (const ExpertJob& job : jobs) {
    hidden_floats += job.rows.size() * job.gate.rows;
    quantized_bytes +=
        job.rows.size() * ActivationRowBytes(Kernel(job.down.type).form, job.down.columns);
  }
  float* hidden = reinterpret_cast<float*>(hidden_.Reserve(hidden_floats * sizeof(float)));
  std::byte* quantized = quantized_.Reserve(quantized_bytes);
  hidden_rows_.clear();
  for (size_t i = 0; i < jobs.size(); ++i) {
    const ExpertJob& job = jobs[i];
    for (const format::TensorType type : {job.gate.type, job.up.type}) {
      const ActivationForm form = Kernel(type).form;
      input_.Prepare(form, pool());
      auto& rows = rows_[static_cast<int>(form)];
      rows.resize(first_row, nullptr);
      for (const uint32_t row : job.rows) rows.push_back(input_.Row(form, row));
    }
    const ActivationForm form = Kernel(job.down.type).form;
    const bool rounded = form != ActivationForm::kFloat;
    const size_t row_bytes = ActivationRowBytes(form, job.down.columns);
    jobs_[i].first_row = first_row;
    jobs_[i].hidden = hidden;
    jobs_[i].quantized = rounded ? quantized : nullptr;
    for (size_t t = 0; t < job.rows.size(); ++t) {
      hidden_rows_.push_back(rounded
                                 ? quantized + t * row_bytes
                                 : reinterpret_cast<const std::byte*>(hidden + t * job.gate.rows));
    }
    first_row += job.rows.size();
    hidden += job.rows.size() * job.gate.rows;
    quantized += job.rows.size() * row_bytes;
  }
}

void FastCompute::GatePanel(const ExpertJob& job, JobState& state, uint64_t row, size_t first_token,
                            size_t tokens, PanelWorker& worker) {
  PanelLanes lanes{};
  const MatrixView* matrices[2] = {&job.gate, &job.up};
  for (int which = 0; which < 2; ++which) {
    const PanelKernel& kernel = Kernel(matrices[which]->type);
    const Rows rows =
        Rows(rows_[static_cast<int>(kernel.form)]).subspan(state.first_row + first_token, tokens);
    lanes = worker.Run(table_, kernel, *matrices[which], row, rows, which);
  }
  table_.swiglu(worker.mutable_sums(0), worker.sums(1), tokens * table_.panel_rows);
  StoreSums(worker.sums(0), lanes, tokens, state.hidden + first_token * job.gate.rows + row,
            job.gate.rows);
}

void FastCompute::RunGateUp(const ExpertJob& job, JobState& state, const Unit& unit,
                            PanelWorker& worker) {
  const size_t tokens = job.rows.size();
  const size_t token_block =
      std::min(PanelWorker::TokenBlock(Kernel(job.gate.type).form, job.gate.columns),
               PanelWorker::TokenBlock(Kernel(job.up.type).form, job.up.columns));
  for (size_t first = 0; first < tokens; first += token_block) {
    const size_t count = std::min(token_block, tokens - first);
    for (uint64_t row = unit.begin; row < unit.end; row += table_.panel_rows) {
      GatePanel(job, state, row, first, count, worker);
    }
  }
  if (state.units_left.fetch_sub(1, std::memory_order_acq_rel) == 1) QuantizeHidden(job, state);
}

void FastCompute::QuantizeHidden(const ExpertJob& job, const JobState& state) {
  if (state.quantized == nullptr) return;
  const ActivationForm form = Kernel(job.down.type).form;
  const size_t row_bytes = ActivationRowBytes(form, job.down.columns);
  for (size_t t = 0; t < job.rows.size(); ++t) {
    QuantizeRow(table_, form, state.hidden + t * job.gate.rows, job.gate.rows,
                state.quantized + t * row_bytes);
  }
}

void FastCompute::ExpertFfn(std::span<const ExpertJob> jobs, FfnActivation) {
  PrepareJobs(jobs);
  const auto gate_up_cost = [](const ExpertJob& job) {
    return RowCost(job.gate, job.rows.size()) + RowCost(job.up, job.rows.size());
  };
  uint64_t gate_up_total = 0, down_total = 0;
  for (const ExpertJob& job : jobs) {
    gate_up_total += job.gate.rows * gate_up_cost(job);
    down_total += job.down.rows * RowCost(job.down, job.rows.size());
  }
  units_.clear();
  for (uint32_t i = 0; i < jobs.size(); ++i) {
    const size_t before = units_.size();
    AddUnits(i, jobs[i].gate.rows, gate_up_cost(jobs[i]), UnitCost(gate_up_total));
    jobs_[i].units_left.store(static_cast<uint32_t>(units_.size() - before),
                              std::memory_order_relaxed);
  }
  pool().ParallelFor(units_.size(), [&](size_t index, unsigned worker) {
    const Unit& unit = units_[index];
    RunGateUp(jobs[unit.owner], jobs_[unit.owner], unit, workers_[worker]);
  });

  units_.clear();
  for (uint32_t i = 0; i < jobs.size(); ++i) {
    AddUnits(i, jobs[i].down.rows, RowCost(jobs[i].down, jobs[i].rows.size()),
             UnitCost(down_total));
  }
  pool().ParallelFor(units_.size(), [&](size_t index, unsigned worker) {
    const Unit& unit = units_[index];
    const ExpertJob& job = jobs[unit.owner];
    const Rows rows = Rows(hidden_rows_).subspan(jobs_[unit.owner].first_row, job.rows.size());
    RunRows(Kernel(job.down.type), job.down, unit, rows, job.output, job.down.rows,
            workers_[worker]);
  });
}

}  // namespace moira::quant
