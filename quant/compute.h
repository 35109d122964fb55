#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "cache/device/thread_pool.h"
#include "quant/matrix.h"

namespace moira::quant {

// kFast: integer dot products against activations rounded to 8 bits, in the best instruction set.
// kReference: weights expanded, activations in F32, plain loops that sum in double: what settles a
// doubt.
enum class ComputeMode { kFast, kReference };

// Instruction sets with kernels of their own, weakest first. kNeon is the only one besides
// kPortable on aarch64.
enum class InstructionSet { kPortable, kAvx2, kAvx512, kNeon };
std::string_view InstructionSetName(InstructionSet set);
// What this processor can run, best last. MOIRA tests force each of them in turn.
std::vector<InstructionSet> SupportedInstructionSets();

struct MatMulTask {
  MatrixView weights;
  float* output;  // row-major [tokens, output_stride >= weights.rows]
  size_t output_stride;
};

enum class FfnActivation { kSwiGlu };  // silu(gate) * up

// One expert at work on some rows of the input.
struct ExpertJob {
  MatrixView gate, up;             // [expert width, model width]
  MatrixView down;                 // [model width, expert width]
  std::span<const uint32_t> rows;  // which input rows
  float* output;                   // row-major [rows.size(), model width]
};

// Matrix products and expert FFNs of one mode and instruction set. Owned by the engine thread,
// since it keeps scratch memory. Results for an input row do not depend on how many rows are
// computed together, on the thread count, or on where weights lie: bit for bit.
class Compute {
 public:
  // `pool` must outlive it. kUnsupported if this processor lacks the set.
  static Result<std::unique_ptr<Compute>> Create(ComputeMode mode, InstructionSet set,
                                                 ThreadPool& pool);
  static std::unique_ptr<Compute> CreateBest(ComputeMode mode, ThreadPool& pool);
  virtual ~Compute() = default;

  ThreadPool& pool() { return pool_; }

  // Sets the input for the calls that follow: `tokens` rows of `columns` values, valid until the
  // next SetInput. All weights that are applied to it have that many columns.
  virtual void SetInput(const float* input, size_t tokens, size_t columns) = 0;
  // output[t][r] = sum over c of weights[r][c] * input[t][c], all tasks in one parallel region.
  virtual void MatMul(std::span<const MatMulTask> tasks) = 0;
  // For each job: output = down * act(gate * x, up * x) of its rows; all jobs in as few parallel
  // regions as possible. The input stays what it was.
  virtual void ExpertFfn(std::span<const ExpertJob> jobs, FfnActivation activation) = 0;

 protected:
  explicit Compute(ThreadPool& pool) : pool_(pool) {}

 private:
  ThreadPool& pool_;
};

}  // namespace moira::quant
