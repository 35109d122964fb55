#include "quant/kernel_table_inl.h"

namespace moira::quant {

const KernelTable& Avx2Kernels() {
  static constexpr KernelTable kTable = MakeKernelTable(InstructionSet::kAvx2);
  return kTable;
}

}  // namespace moira::quant
