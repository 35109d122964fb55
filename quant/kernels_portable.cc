#include "quant/kernel_table_inl.h"

namespace moira::quant {

const KernelTable& PortableKernels() {
  static constexpr KernelTable kTable = MakeKernelTable(InstructionSet::kPortable);
  return kTable;
}

}  // namespace moira::quant
