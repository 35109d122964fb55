#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/format/tensor_type.h"
#include "quant/compute.h"

// The inner loops of one instruction set behind a table of functions. A kernel computes a panel:
// `panel_rows` neighbouring rows of a matrix against any number of activation rows. Each (row,
// token) goes through the same sequence of float operations in every set and for every number of
// tokens, so results agree bit for bit.
namespace moira::quant {

// How a kernel wants an activation row.
enum class ActivationForm : uint8_t {
  kFloat,     // as it came
  kBlock32,   // ActivationBlock32[columns / 32]
  kBlock256,  // ActivationBlock256[columns / 256]
};
inline constexpr int kActivationForms = 3;

struct PanelCall {
  const std::byte* weights;  // panel_rows rows, row_bytes apart
  size_t row_bytes;
  size_t columns;
  const std::byte* const* activations;  // [tokens] rows in the kernel's form
  size_t tokens;
  float* sums;                // [tokens, panel_rows], overwritten; 64-byte aligned
  std::byte* scratch;         // kPanelScratchBytes, 64-byte aligned
  const std::byte* prefetch;  // weights that are needed next, or null
  size_t prefetch_bytes;
};
inline constexpr size_t kPanelScratchBytes = 32 * 1024;

using PanelFunction = void (*)(const PanelCall& call);
// values: `columns` floats, whole blocks; row: the blocks.
using QuantizeFunction = void (*)(const float* values, size_t columns, std::byte* row);

struct PanelKernel {
  format::TensorType type;
  ActivationForm form;
  PanelFunction run;
};
inline constexpr int kComputableTypes = 16;

struct KernelTable {
  InstructionSet set;
  unsigned panel_rows;
  PanelKernel panels[kComputableTypes];
  QuantizeFunction quantize_block32;
  QuantizeFunction quantize_block256;
  // gate[i] = silu(gate[i]) * up[i]; count is a multiple of panel_rows, both 64-byte aligned.
  void (*swiglu)(float* gate, const float* up, size_t count);
};

const KernelTable& PortableKernels();
#if defined(__x86_64__)
const KernelTable& Avx2Kernels();
const KernelTable& Avx512Kernels();
#elif defined(__aarch64__)
const KernelTable& NeonKernels();
#endif

}  // namespace moira::quant
