#pragma once

// The Lanes of the instruction set that the including file is compiled for (flags by file suffix,
// see CMakeLists.txt). All that is written against them lives in unnamed namespaces and uses no
// function template of the standard library, so that no instruction of the set reaches other files
// through the linker.
#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include "quant/lanes_avx512.h"  // IWYU pragma: export
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "quant/lanes_avx2.h"  // IWYU pragma: export
#elif defined(__ARM_FEATURE_DOTPROD)
#include "quant/lanes_neon.h"  // IWYU pragma: export
#else
#include "quant/lanes_portable.h"  // IWYU pragma: export
#endif
