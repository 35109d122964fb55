#include "prefetch/profit_meter.h"

#include <algorithm>

namespace moira::prefetch {
namespace {

// A late copy was on its way for half of its time, on average.
constexpr double kLateShare = 0.5;
// A wasted copy ran in idle link time; what it takes away is memory bandwidth of the computation
// beside it. An estimate, to be replaced by a measurement of each device.
constexpr double kWastedShare = 0.25;

double Difference(uint64_t now, uint64_t start) { return static_cast<double>(now - start); }

}  // namespace

double ProfitMeter::Profit(const Totals& totals) const {
  return Difference(totals.used, start_.used) + kLateShare * Difference(totals.late, start_.late) -
         kWastedShare * Difference(totals.wasted, start_.wasted) -
         Difference(totals.regretted, start_.regretted);
}

void ProfitMeter::OnPass(const Totals& totals) {
  if (!enabled_) {
    if (++paused_passes_ < pause_) return;
    enabled_ = true;
    start_ = totals;
    pause_ = std::min(2 * pause_, kLongestPause);
    return;
  }
  const uint64_t ended =
      totals.used - start_.used + totals.late - start_.late + totals.wasted - start_.wasted;
  if (ended < kJudgedCopies) return;
  enabled_ = Profit(totals) >= 0;
  start_ = totals;
  if (enabled_) pause_ = kFirstPause;
  paused_passes_ = 0;
}

}  // namespace moira::prefetch
