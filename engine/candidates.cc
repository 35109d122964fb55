#include "engine/candidates.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace moira::engine {
namespace {

// Where sorting starts; it goes on in growing steps only as far as a filter looks.
constexpr size_t kFirstSorted = 64;
constexpr size_t kSortedGrowth = 4;

bool MoreLikely(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

float LargestLogit(const std::vector<Candidate>& candidates) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const Candidate& candidate : candidates) largest = std::max(largest, candidate.logit);
  return largest;
}

// log(sum(exp(logit))): what a logit is reduced by to be a log probability.
double LogSum(const std::vector<Candidate>& candidates) {
  const double largest = LargestLogit(candidates);
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += std::exp(candidate.logit - largest);
  return largest + std::log(sum);
}

// Visits the candidates in the order of `less` until `visit` returns true, and drops all after that
// one.
template <typename Less, typename Visit>
void KeepInOrder(std::vector<Candidate>& candidates, Less less, Visit visit) {
  size_t sorted = 0;
  size_t step = kFirstSorted;
  while (sorted < candidates.size()) {
    const size_t end = std::min(candidates.size(), sorted + step);
    std::partial_sort(candidates.begin() + sorted, candidates.begin() + end, candidates.end(),
                      less);
    for (; sorted < end; ++sorted) {
      if (!visit(candidates[sorted])) continue;
      candidates.resize(sorted + 1);
      return;
    }
    step *= kSortedGrowth;
  }
}

}  // namespace

void KeepTopK(std::vector<Candidate>& candidates, uint32_t k) {
  const size_t kept = std::max<size_t>(k, 1);
  if (kept >= candidates.size()) return;
  std::nth_element(candidates.begin(), candidates.begin() + kept, candidates.end(), MoreLikely);
  candidates.resize(kept);
}

void KeepTopP(std::vector<Candidate>& candidates, double p) {
  const double log_sum = LogSum(candidates);
  double total = 0;
  KeepInOrder(candidates, MoreLikely, [&](const Candidate& candidate) {
    total += std::exp(candidate.logit - log_sum);
    return total >= p;
  });
}

void KeepMinP(std::vector<Candidate>& candidates, double p) {
  const double least = LargestLogit(candidates) + std::log(p);
  std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.logit < least; });
}

void KeepTypical(std::vector<Candidate>& candidates, double p) {
  const double log_sum = LogSum(candidates);
  double entropy = 0;
  for (const Candidate& candidate : candidates) {
    const double log_probability = candidate.logit - log_sum;
    if (std::isfinite(log_probability)) entropy -= std::exp(log_probability) * log_probability;
  }
  const auto distance = [&](const Candidate& candidate) {
    return std::abs(log_sum - candidate.logit - entropy);
  };
  const auto more_typical = [&](const Candidate& a, const Candidate& b) {
    const double distance_a = distance(a), distance_b = distance(b);
    return distance_a != distance_b ? distance_a < distance_b : a.token < b.token;
  };
  double total = 0;
  KeepInOrder(candidates, more_typical, [&](const Candidate& candidate) {
    total += std::exp(candidate.logit - log_sum);
    return total > p;
  });
}

}  // namespace moira::engine
