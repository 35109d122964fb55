#include "quant/kernel_table_inl.h"

namespace moira::quant {

const KernelTable& Avx512Kernels() {
  static constexpr KernelTable kTable = MakeKernelTable(InstructionSet::kAvx512);
  return kTable;
}

}  // namespace moira::quant
