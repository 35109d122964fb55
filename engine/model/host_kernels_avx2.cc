#if defined(__x86_64__)
#include "engine/model/host_kernels_simd.h"

namespace moira::engine {

const HostKernels kAvx2Kernels = kSimdKernels;

}  // namespace moira::engine
#endif
