#pragma once

#include <cstdint>
#include <vector>

#include "quant/compute.h"

namespace moira::quant {

// ComputeMode::kReference. Owned by the engine thread.
class ReferenceCompute final : public Compute {
 public:
  explicit ReferenceCompute(ThreadPool& pool) : Compute(pool), workers_(pool.threads()) {}

  void SetInput(const float* input, size_t tokens, size_t columns) override;
  void MatMul(std::span<const MatMulTask> tasks) override;
  void ExpertFfn(std::span<const ExpertJob> jobs, FfnActivation activation) override;

 private:
  // Rows of one matrix against some input rows, one parallel loop over the matrix rows.
  // output: row-major [input_rows.size(), output_stride].
  void Product(const MatrixView& weights, std::span<const float* const> input_rows, float* output,
               size_t output_stride);

  const float* input_ = nullptr;  // row-major [tokens_, columns_]
  size_t tokens_ = 0;
  size_t columns_ = 0;
  std::vector<std::vector<float>> workers_;  // an expanded weight row for each worker
  std::vector<const float*> rows_;
  std::vector<float> gate_, up_;  // row-major [rows of a job, expert width]
};

}  // namespace moira::quant
