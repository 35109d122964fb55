#include "engine/speed_model.h"

#include <algorithm>

namespace moira::engine {
namespace {

// No bytes take no time, whatever the rate.
double Seconds(double bytes, double rate) {
  if (bytes <= 0) return 0;
  return rate > 0 ? bytes / rate : std::numeric_limits<double>::infinity();
}

// The share of the misses that the link takes, so that both paths end at the same time.
double FetchedShare(const MachineRates& rates, MissPath path) {
  if (path == MissPath::kFetch) return 1;
  if (path == MissPath::kHost || rates.link <= 0) return 0;
  return rates.link / (rates.link + rates.host);
}

double MissRate(const MachineRates& rates, MissPath path) {
  if (path == MissPath::kFetch) return rates.link;
  if (path == MissPath::kHost) return rates.host;
  return std::min(rates.link + rates.host, rates.joint);
}

}  // namespace

std::string_view MissPathName(MissPath path) {
  switch (path) {
    case MissPath::kFetch:
      return "fetch";
    case MissPath::kHost:
      return "host";
    case MissPath::kBoth:
      break;
  }
  return "both";
}

double SecondsPerToken(const MachineRates& rates, const TokenDemand& demand, MissPath path) {
  const double hits = demand.hit_rate * demand.expert_bytes;
  const double misses = demand.expert_bytes - hits;
  const double on_device = demand.dense_bytes + hits + FetchedShare(rates, path) * misses;
  return Seconds(on_device, rates.efficiency * rates.device) +
         Seconds(misses, MissRate(rates, path)) + Seconds(demand.file_share * misses, rates.file) +
         rates.overhead_seconds;
}

double TokensPerSecond(const MachineRates& rates, const TokenDemand& demand, MissPath path) {
  const double seconds = SecondsPerToken(rates, demand, path);
  return seconds > 0 ? 1 / seconds : 0;
}

}  // namespace moira::engine
