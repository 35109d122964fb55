#if defined(__aarch64__)

#include "quant/kernel_table_inl.h"

namespace moira::quant {

const KernelTable& NeonKernels() {
  static constexpr KernelTable kTable = MakeKernelTable(InstructionSet::kNeon);
  return kTable;
}

}  // namespace moira::quant

#endif
