#include "quant/reference_compute.h"

#include <cmath>

#include "quant/dequantize.h"

namespace moira::quant {
namespace {

float SwiGlu(float gate, float up) {
  const double x = gate;
  return static_cast<float>(x / (1.0 + std::exp(-x)) * up);
}

}  // namespace

void ReferenceCompute::SetInput(const float* input, size_t tokens, size_t columns) {
  input_ = input;
  tokens_ = tokens;
  columns_ = columns;
}

void ReferenceCompute::Product(const MatrixView& weights, std::span<const float* const> input_rows,
                               float* output, size_t output_stride) {
  for (std::vector<float>& row : workers_) row.resize(weights.columns);
  const uint64_t row_bytes = weights.row_bytes();
  pool().ParallelFor(weights.rows, [&](size_t r, unsigned worker) {
    const std::span<float> row = workers_[worker];
    Dequantize(weights.type, weights.data + r * row_bytes, row);
    for (size_t t = 0; t < input_rows.size(); ++t) {
      double sum = 0;
      for (size_t c = 0; c < row.size(); ++c) {
        sum += static_cast<double>(row[c]) * static_cast<double>(input_rows[t][c]);
      }
      output[t * output_stride + r] = static_cast<float>(sum);
    }
  });
}

void ReferenceCompute::MatMul(std::span<const MatMulTask> tasks) {
  rows_.clear();
  for (size_t t = 0; t < tokens_; ++t) rows_.push_back(input_ + t * columns_);
  for (const MatMulTask& task : tasks) {
    Product(task.weights, rows_, task.output, task.output_stride);
  }
}

void ReferenceCompute::ExpertFfn(std::span<const ExpertJob> jobs, FfnActivation) {
  for (const ExpertJob& job : jobs) {
    const size_t width = job.gate.rows;
    rows_.clear();
    for (const uint32_t row : job.rows) rows_.push_back(input_ + row * columns_);
    gate_.resize(job.rows.size() * width);
    up_.resize(job.rows.size() * width);
    Product(job.gate, rows_, gate_.data(), width);
    Product(job.up, rows_, up_.data(), width);
    for (size_t i = 0; i < gate_.size(); ++i) gate_[i] = SwiGlu(gate_[i], up_[i]);
    for (size_t t = 0; t < rows_.size(); ++t) rows_[t] = gate_.data() + t * width;
    Product(job.down, rows_, job.output, job.down.rows);
  }
}

}  // namespace moira::quant
