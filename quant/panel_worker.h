#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quant/kernels.h"
#include "quant/matrix.h"

namespace moira::quant {

// Memory that grows and never shrinks; contents are lost when it grows. 64-byte aligned.
class Scratch {
 public:
  std::byte* Reserve(size_t bytes) {
    const size_t lines = (bytes + sizeof(Line) - 1) / sizeof(Line);
    if (lines_.size() < lines) lines_.resize(lines);
    return lines_[0].bytes;
  }
  std::byte* data() { return lines_[0].bytes; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_ = std::vector<Line>(1);
};

// Which lanes of a panel's sums belong to the rows that were asked for.
struct PanelLanes {
  unsigned begin, count;
};

// One worker's memory for running panels. Used by one thread at a time.
class PanelWorker {
 public:
  // How many tokens are best taken together: their activations and outputs should stay in the
  // second-level cache, and unpacking be worth it.
  static size_t TokenBlock(ActivationForm form, size_t columns);

  // Computes the panel that begins at `row` of `weights` (or holds the last rows, where fewer
  // follow) against all activation rows. sums: [activations.size(), table.panel_rows]. Two results
  // are kept, such as gate (0) and up (1).
  const float* sums(int which) { return reinterpret_cast<const float*>(sums_[which].data()); }
  float* mutable_sums(int which) { return reinterpret_cast<float*>(sums_[which].data()); }
  PanelLanes Run(const KernelTable& table, const PanelKernel& kernel, const MatrixView& weights,
                 uint64_t row, std::span<const std::byte* const> activations, int which);

 private:
  // The rows of a matrix that is smaller than a panel, with zeros for those that are missing.
  const std::byte* PaddedRows(const MatrixView& weights, unsigned panel_rows);

  Scratch panel_;
  Scratch padded_;
  Scratch sums_[2];
};

}  // namespace moira::quant
