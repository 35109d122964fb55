#include <array>
#include <cmath>
#include <limits>

#include "engine/model/host_kernels.h"
#include "quant/dequantize.h"

namespace moira::engine {
namespace {

double Element(const AttentionTask& task, const std::byte* base, size_t index) {
  if (task.half) return quant::HalfToFloat(reinterpret_cast<const uint16_t*>(base)[index]);
  return reinterpret_cast<const float*>(base)[index];
}

double Score(const AttentionTask& task, const float* query, uint32_t position) {
  const std::byte* const keys = task.pages[position / kKvPageTokens] + task.key_offset;
  double sum = 0;
  for (size_t d = 0; d < task.key_size; ++d) {
    sum += query[d] * Element(task, keys, d * kKvPageTokens + position % kKvPageTokens);
  }
  return sum * task.scale;
}

void AttendRow(const AttentionTask& task, const float* query, uint32_t positions, float* output) {
  double maximum = -std::numeric_limits<double>::infinity();
  for (uint32_t i = 0; i < positions; ++i) maximum = std::fmax(maximum, Score(task, query, i));
  std::array<double, kMaxHeadSize> sums{};
  double total = 0;
  for (uint32_t i = 0; i < positions; ++i) {
    const double weight = std::exp(Score(task, query, i) - maximum);
    const std::byte* const values = task.pages[i / kKvPageTokens] + task.value_offset;
    total += weight;
    for (size_t c = 0; c < task.value_size; ++c) {
      sums[c] += weight * Element(task, values, i % kKvPageTokens * task.value_size + c);
    }
  }
  for (size_t c = 0; c < task.value_size; ++c) output[c] = static_cast<float>(sums[c] / total);
}

void Attend(const AttentionTask& task) {
  for (uint32_t token = 0; token < task.tokens; ++token) {
    for (uint32_t head = 0; head < task.heads; ++head) {
      AttendRow(task, task.queries + token * task.query_stride + head * task.key_size,
                task.first_position + token + 1,
                task.output + token * task.output_stride + head * task.value_size);
    }
  }
}

void Multiply(const RowProducts& products) {
  for (size_t token = 0; token < products.tokens; ++token) {
    const float* const input = products.input + token * products.columns;
    for (size_t row = 0; row < products.rows; ++row) {
      double sum = 0;
      for (size_t c = 0; c < products.columns; ++c) {
        sum += double{products.weights[row * products.columns + c]} * input[c];
      }
      products.output[token * products.output_stride + row] = static_cast<float>(sum);
    }
  }
}

void Combine(float* residual, const float* const* parts, const float* weights, size_t count,
             size_t width) {
  for (size_t c = 0; c < width; ++c) {
    double sum = 0;
    for (size_t p = 0; p < count; ++p) sum += double{weights[p]} * parts[p][c];
    residual[c] = static_cast<float>(residual[c] + sum);
  }
}

void Normalize(const float* input, const float* gain, float epsilon, float* output, size_t width) {
  double squares = 0;
  for (size_t c = 0; c < width; ++c) squares += double{input[c]} * input[c];
  const double factor = 1.0 / std::sqrt(squares / static_cast<double>(width) + epsilon);
  for (size_t c = 0; c < width; ++c) output[c] = static_cast<float>(input[c] * factor * gain[c]);
}

}  // namespace

const HostKernels kReferenceKernels = {Attend, Multiply, Combine, Normalize};

}  // namespace moira::engine
