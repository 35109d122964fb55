#include "engine/model/host_kernels.h"

namespace moira::engine {

const HostKernels& GetHostKernels(quant::ComputeMode mode, quant::InstructionSet set) {
  if (mode == quant::ComputeMode::kReference) return kReferenceKernels;
#if defined(__x86_64__)
  if (set == quant::InstructionSet::kAvx512) return kAvx512Kernels;
  if (set == quant::InstructionSet::kAvx2) return kAvx2Kernels;
#else
  (void)set;  // the portable kernels are NEON here: the compiler may use it everywhere
#endif
  return kPortableKernels;
}

}  // namespace moira::engine
