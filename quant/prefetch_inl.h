#pragma once

#include <cstddef>

namespace moira::quant {
namespace {

// Asks for weights that are read later, into the second-level cache.
inline void Prefetch(const std::byte* begin, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(begin + i, 0, 2);
}

}  // namespace
}  // namespace moira::quant
