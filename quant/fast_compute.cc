#include "quant/fast_compute.h"

#include <algorithm>
#include <cstring>

namespace moira::quant {
namespace {

// A unit should be long against the cost of taking it and short against the whole, so that workers
// finish together.
constexpr uint64_t kUnitCostMin = 8 * 1024;
constexpr uint64_t kUnitCostMax = 128 * 1024;
constexpr uint64_t kUnitsPerThread = 8;

}  // namespace

uint64_t FastCompute::RowCost(const MatrixView& weights, size_t tokens) {
  // In bytes of weights: reading and unpacking a row takes as long as multiplying it by about four
  // tokens.
  return weights.row_bytes() * (4 + tokens) / 4;
}

const PanelKernel& FastCompute::Kernel(format::TensorType type) const {
  return *std::find_if(std::begin(table_.panels), std::end(table_.panels),
                       [&](const PanelKernel& kernel) { return kernel.type == type; });
}

uint64_t FastCompute::UnitCost(uint64_t total_cost) {
  return std::clamp(total_cost / (pool().threads() * kUnitsPerThread), kUnitCostMin, kUnitCostMax);
}

void FastCompute::AddUnits(uint32_t owner, uint64_t rows, uint64_t row_cost, uint64_t unit_cost) {
  const uint64_t panel_cost = std::max<uint64_t>(1, row_cost * table_.panel_rows);
  const uint64_t unit_rows = std::max<uint64_t>(1, unit_cost / panel_cost) * table_.panel_rows;
  for (uint64_t begin = 0; begin < rows; begin += unit_rows) {
    units_.push_back({owner, begin, std::min(begin + unit_rows, rows)});
  }
}

void FastCompute::SetInput(const float* input, size_t tokens, size_t columns) {
  input_.Set(input, tokens, columns);
}

void FastCompute::RunRows(const PanelKernel& kernel, const MatrixView& weights, const Unit& unit,
                          Rows rows, float* output, size_t stride, PanelWorker& worker) {
  const size_t token_block = PanelWorker::TokenBlock(kernel.form, weights.columns);
  for (size_t first = 0; first < rows.size(); first += token_block) {
    const Rows block = rows.subspan(first, std::min(token_block, rows.size() - first));
    for (uint64_t row = unit.begin; row < unit.end; row += table_.panel_rows) {
      const PanelLanes lanes = worker.Run(table_, kernel, weights, row, block, 0);
      StoreSums(worker.sums(0), lanes, block.size(), output + first * stride + row, stride);
    }
  }
}

void FastCompute::StoreSums(const float* sums, PanelLanes lanes, size_t tokens, float* output,
                            size_t stride) const {
  for (size_t t = 0; t < tokens; ++t, output += stride) {
    // The line that the next panel will write: a jump by `stride` from token to token is one that
    // the processor does not foresee.
    __builtin_prefetch(output + table_.panel_rows + lanes.count - 1, 1, 2);
    std::memcpy(output, sums + t * table_.panel_rows + lanes.begin, lanes.count * sizeof(float));
  }
}

void FastCompute::MatMul(std::span<const MatMulTask> tasks) {
  const size_t tokens = input_.rows();
  uint64_t total_cost = 0;
  for (auto& rows : rows_) rows.clear();
  for (const MatMulTask& task : tasks) {
    const ActivationForm form = Kernel(task.weights.type).form;
    input_.Prepare(form, pool());
    auto& rows = rows_[static_cast<int>(form)];
    for (size_t t = rows.size(); t < tokens; ++t) rows.push_back(input_.Row(form, t));
    total_cost += task.weights.rows * RowCost(task.weights, tokens);
  }
  units_.clear();
  for (size_t i = 0; i < tasks.size(); ++i) {
    const MatrixView& weights = tasks[i].weights;
    AddUnits(static_cast<uint32_t>(i), weights.rows, RowCost(weights, tokens),
             UnitCost(total_cost));
  }
  pool().ParallelFor(units_.size(), [&](size_t index, unsigned worker) {
    const Unit& unit = units_[index];
    const MatMulTask& task = tasks[unit.owner];
    const PanelKernel& kernel = Kernel(task.weights.type);
    RunRows(kernel, task.weights, unit, rows_[static_cast<int>(kernel.form)], task.output,
            task.output_stride, workers_[worker]);
  });
}

}  // namespace moira::quant
