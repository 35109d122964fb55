#pragma once

#include <cstdint>

namespace moira::prefetch {

// Switches speculation off where it does not pay, and tries again later. The measure is in copies
// that the decode path did not have to wait for, less those that it had to wait for because of a
// prediction. Pure; not thread-safe.
class ProfitMeter {
 public:
  // What became of speculative copies since start.
  struct Totals {
    uint64_t used = 0;       // landed before they were asked for
    uint64_t late = 0;       // asked for on their way
    uint64_t wasted = 0;     // gone without having been asked for
    uint64_t regretted = 0;  // a record that was evicted for one was asked for, and missed
  };

  // Judged after this many copies came to an end: some tokens' worth, few enough to react within a
  // sentence.
  static constexpr uint64_t kJudgedCopies = 256;
  // Passes without speculation after a loss; doubled by each further one up to the longest, so that
  // trials cost ever less where it never pays. Reset by a profit.
  static constexpr uint64_t kFirstPause = 64;
  static constexpr uint64_t kLongestPause = 4096;

  bool enabled() const { return enabled_; }
  // Once per pass through the model.
  void OnPass(const Totals& totals);

 private:
  double Profit(const Totals& totals) const;

  Totals start_;  // of what is judged now
  bool enabled_ = true;
  uint64_t pause_ = kFirstPause;
  uint64_t paused_passes_ = 0;
};

}  // namespace moira::prefetch
