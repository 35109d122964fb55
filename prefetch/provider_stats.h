#pragma once

#include <cstdint>

namespace moira::prefetch {

// Counters since start; all monotonic. "Speculative" is what predictions started (design: a
// prediction can only waste a copy, and this is where one sees how many it wasted).
struct ProviderStats {
  uint64_t hits = 0;            // asked for and resident
  uint64_t hits_in_flight = 0;  // asked for while a speculative copy was on its way ("late")
  uint64_t misses = 0;          // asked for, and neither resident nor on its way
  uint64_t fetches = 0;         // demand copies
  uint64_t fetched_bytes = 0;
  uint64_t fetch_failures = 0;
  uint64_t evictions = 0;
  uint64_t speculative_issued = 0;
  uint64_t speculative_used = 0;    // resident in time and asked for, at least once
  uint64_t speculative_late = 0;    // asked for before it had landed
  uint64_t speculative_wasted = 0;  // evicted or cancelled without having been asked for
  uint64_t speculative_bytes = 0;
  double acquire_wait_seconds = 0;  // time that the engine thread stood waiting for copies
  uint64_t slots = 0;               // gauges
  uint64_t slot_bytes = 0;
  uint64_t resident = 0;
  uint64_t experts = 0;  // routed experts in all
  uint64_t expert_bytes = 0;
};

}  // namespace moira::prefetch
