#include "quant/panel_worker.h"

#include <algorithm>
#include <cstring>

namespace moira::quant {

size_t PanelWorker::TokenBlock(ActivationForm form, size_t columns) {
  if (form == ActivationForm::kFloat) return 32;
  // With few columns outputs outweigh activations, and unpacking is cheap.
  return columns < 256 ? 64 : 256;
}

const std::byte* PanelWorker::PaddedRows(const MatrixView& weights, unsigned panel_rows) {
  const size_t bytes = weights.rows * weights.row_bytes();
  const size_t all_bytes = panel_rows * weights.row_bytes();
  std::byte* rows = padded_.Reserve(all_bytes);
  std::memcpy(rows, weights.data, bytes);
  std::memset(rows + bytes, 0, all_bytes - bytes);
  return rows;
}

PanelLanes PanelWorker::Run(const KernelTable& table, const PanelKernel& kernel,
                            const MatrixView& weights, uint64_t row,
                            std::span<const std::byte* const> activations, int which) {
  const unsigned panel_rows = table.panel_rows;
  const size_t row_bytes = weights.row_bytes();
  const uint64_t base = std::min(row, weights.rows - std::min<uint64_t>(weights.rows, panel_rows));
  const uint64_t next = row + panel_rows;
  const uint64_t next_rows =
      next < weights.rows ? std::min<uint64_t>(panel_rows, weights.rows - next) : 0;
  PanelCall call;
  call.weights =
      weights.rows < panel_rows ? PaddedRows(weights, panel_rows) : weights.data + base * row_bytes;
  call.row_bytes = row_bytes;
  call.columns = weights.columns;
  call.activations = activations.data();
  call.tokens = activations.size();
  call.sums = reinterpret_cast<float*>(
      sums_[which].Reserve(activations.size() * panel_rows * sizeof(float)));
  call.scratch = panel_.Reserve(kPanelScratchBytes);
  call.prefetch = weights.data + std::min(next, weights.rows) * row_bytes;
  call.prefetch_bytes = next_rows * row_bytes;
  kernel.run(call);
  return {static_cast<unsigned>(row - base),
          static_cast<unsigned>(std::min<uint64_t>(panel_rows, weights.rows - row))};
}

}  // namespace moira::quant
