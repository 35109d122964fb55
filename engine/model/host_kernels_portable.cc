#include "engine/model/host_kernels_simd.h"

namespace moira::engine {

const HostKernels kPortableKernels = kSimdKernels;

}  // namespace moira::engine
