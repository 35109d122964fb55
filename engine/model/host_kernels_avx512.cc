#if defined(__x86_64__)
#include "engine/model/host_kernels_simd.h"

namespace moira::engine {

const HostKernels kAvx512Kernels = kSimdKernels;

}  // namespace moira::engine
#endif
