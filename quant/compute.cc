#include "quant/compute.h"

#include <algorithm>
#include <string>

#include "quant/fast_compute.h"
#include "quant/kernels.h"
#include "quant/reference_compute.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace moira::quant {
namespace {

const KernelTable& Kernels(InstructionSet set) {
  switch (set) {
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return Avx2Kernels();
    case InstructionSet::kAvx512:
      return Avx512Kernels();
#elif defined(__aarch64__)
    case InstructionSet::kNeon:
      return NeonKernels();
#endif
    default:
      return PortableKernels();
  }
}

#if defined(__x86_64__)
// The flags that CMakeLists.txt compiles *_avx2.cc with, and those that *_avx512.cc has besides.
bool HasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2");
}
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
}
#elif defined(__aarch64__)
bool HasDotProduct() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#endif

}  // namespace

std::string_view InstructionSetName(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPortable:
      return "portable";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kNeon:
      return "neon";
  }
  return "unknown";
}

std::vector<InstructionSet> SupportedInstructionSets() {
  std::vector<InstructionSet> sets = {InstructionSet::kPortable};
#if defined(__x86_64__)
  if (HasAvx2()) sets.push_back(InstructionSet::kAvx2);
  if (HasAvx512()) sets.push_back(InstructionSet::kAvx512);
#elif defined(__aarch64__)
  if (HasDotProduct()) sets.push_back(InstructionSet::kNeon);
#endif
  return sets;
}

Result<std::unique_ptr<Compute>> Compute::Create(ComputeMode mode, InstructionSet set,
                                                 ThreadPool& pool) {
  if (mode == ComputeMode::kReference) {
    return std::unique_ptr<Compute>(std::make_unique<ReferenceCompute>(pool));
  }
  const std::vector<InstructionSet> supported = SupportedInstructionSets();
  if (std::find(supported.begin(), supported.end(), set) == supported.end()) {
    return Unsupported("instruction set " + std::string(InstructionSetName(set)) +
                       " is not supported by this processor, whose best is " +
                       std::string(InstructionSetName(supported.back())));
  }
  return std::unique_ptr<Compute>(std::make_unique<FastCompute>(Kernels(set), pool));
}

std::unique_ptr<Compute> Compute::CreateBest(ComputeMode mode, ThreadPool& pool) {
  return std::move(Create(mode, SupportedInstructionSets().back(), pool)).value();
}

}  // namespace moira::quant
