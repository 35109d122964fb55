#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/model/executor.h"
#include "quant/compute.h"

namespace moira::engine {

// Attention of consecutive tokens of one sequence, for the query heads that share one KV head.
// Plain pointers only: the kernels' files are compiled for instruction sets that the rest of the
// program may not use, and must not instantiate shared inline code.
struct AttentionTask {
  const std::byte* const* pages;  // of the sequence, from position 0
  size_t key_offset;              // of the head's keys in each page; see KvLayout
  size_t value_offset;
  bool half;  // keys and values are F16, else F32
  uint32_t key_size;
  uint32_t value_size;
  float scale;
  uint32_t first_position;  // of the first token; token t sees positions [0, first_position + t]
  uint32_t tokens;
  uint32_t heads;        // query heads, side by side
  const float* queries;  // [tokens, query_stride >= heads * key_size]
  size_t query_stride;
  float* output;  // [tokens, output_stride >= heads * value_size]
  size_t output_stride;
  float* scratch;  // [2 * tokens * heads]
};

// A dense F32 product: output[t][r] = sum over c of rows[r][c] * input[t][c].
struct RowProducts {
  const float* weights;  // [rows, columns]
  size_t rows;
  const float* input;  // [tokens, columns]
  size_t tokens;
  size_t columns;
  float* output;  // [tokens, output_stride >= rows]
  size_t output_stride;
};

// The executor's own inner loops, in one instruction set. What is computed for one token never
// depends on which tokens are computed with it. All functions are thread-safe.
struct HostKernels {
  void (*attend)(const AttentionTask& task);
  void (*multiply)(const RowProducts& products);
  // residual += sum over p of weights[p] * parts[p], summed in that order.
  void (*combine)(float* residual, const float* const* parts, const float* weights, size_t count,
                  size_t width);
  // output = input * gain / rms(input).
  void (*normalize)(const float* input, const float* gain, float epsilon, float* output,
                    size_t width);
};

// kFast takes the kernels of `set`; kReference sums in double, in plain loops.
const HostKernels& GetHostKernels(quant::ComputeMode mode, quant::InstructionSet set);

extern const HostKernels kReferenceKernels;
extern const HostKernels kPortableKernels;
extern const HostKernels kAvx2Kernels;
extern const HostKernels kAvx512Kernels;

}  // namespace moira::engine
