#pragma once

#include <limits>
#include <string_view>

namespace moira::engine {

// What serves the experts that a token asks for and that are not resident: a copy over the link,
// the CPU from host memory, or both at once, each for the share that its rate gives it.
enum class MissPath { kFetch, kHost, kBoth };
std::string_view MissPathName(MissPath path);  // "fetch", "host", "both"

// Rates of one machine, in bytes per second. A path that does not exist has rate 0 where it would
// have to carry bytes, and kUnlimited where bytes pass it free of charge: a unified device has no
// link, its misses come from the file alone.
struct MachineRates {
  static constexpr double kUnlimited = std::numeric_limits<double>::infinity();

  double device = 0;            // device memory, as its data sheet or a plain read says
  double link = 0;              // host to device, pinned
  double host = 0;              // host memory, as the CPU reads it
  double joint = 0;             // host memory, read by the CPU and the link together
  double file = 0;              // the cold tier behind host memory
  double efficiency = 1;        // share of `device` that kernels reach
  double overhead_seconds = 0;  // per token: launches, routing, sampling
};

// What one token needs.
struct TokenDemand {
  double dense_bytes = 0;   // read for every token
  double expert_bytes = 0;  // of the experts that it uses
  double hit_rate = 0;      // share of expert_bytes that is resident
  double file_share = 0;    // share of the misses whose bytes have to come from the file first
};

// Seconds of one token, batch 1, nothing overlapped but the two paths of kBoth. With D dense and A
// expert bytes, hit rate h, efficiency e and the rates G(device), P(link), C(host):
//   fetch: (D + A) / eG + (1-h)A / P
//   host:  (D + hA) / eG + (1-h)A / C
//   both:  (D + hA + r(1-h)A) / eG + (1-h)A / min(P + C, joint), r = P / (P + C)
// and to each the file's part and the overhead. Infinite where a rate that is needed is 0.
double SecondsPerToken(const MachineRates& rates, const TokenDemand& demand, MissPath path);
// The inverse; 0 where SecondsPerToken is infinite.
double TokensPerSecond(const MachineRates& rates, const TokenDemand& demand, MissPath path);

}  // namespace moira::engine
