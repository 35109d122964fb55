#pragma once

#include <cstdint>

namespace moira::engine {

// Random numbers of one request: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
// number generators", 2014). Only the seed and the count of draws decide what comes next, so equal
// seeds give equal tokens whatever else runs. Not for secrets. Not thread-safe.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed) : state_(seed) {}

  uint64_t NextBits();
  // Uniform in [0, 1), with 53 random bits.
  double NextUnit();

 private:
  uint64_t state_;
};

}  // namespace moira::engine
