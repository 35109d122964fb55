#include "prefetch/planner.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moira::prefetch {
namespace {

// The share of predicted top-k experts that the router then chooses (79 % in arXiv 2502.12224, up
// to 89 % elsewhere).
constexpr double kTopKOdds = 0.8;
constexpr float kHighestScore = 1e30f;

// Odds by distance from the token's k-th best score: the k-th itself has those of the average
// prediction, one far above it is certain, one just below it has even ones. A model of the shape
// only: the order is what matters most.
double InsideOdds(double above) { return 1 - (1 - kTopKOdds) * std::exp(-above); }
double OutsideOdds(double below) { return 0.5 * std::exp(-below); }

// More copies than any layer has experts are not worth counting.
constexpr double kMaximumCopies = 1e6;

}  // namespace

size_t SpareCopies(const LinkEstimate& link) {
  if (!(link.copy_seconds > 0) || !(link.idle_seconds > 0)) return 0;
  const double copies = std::floor(link.idle_seconds / link.copy_seconds);
  const auto in_time = static_cast<size_t>(std::min(copies, kMaximumCopies));
  return in_time > link.transfers ? in_time - link.transfers : 0;
}

std::span<const PlannedCopy> Planner::Plan(const PlanRequest& request,
                                           FunctionRef<Presence(uint32_t expert)> presence) {
  copies_.clear();
  predicted_.clear();
  if (request.tokens == 0 || request.scores.size() < request.tokens) return copies_;
  const size_t experts = request.scores.size() / request.tokens;
  popularity_.assign(experts, 0);
  unasked_.assign(experts, 1);
  in_top_k_.assign(experts, false);
  const size_t overfetch = request.tokens <= kOverfetchTokens ? request.copies : 0;
  for (size_t token = 0; token < request.tokens; ++token) {
    AddToken(request.scores.subspan(token * experts, experts), request.top_k, overfetch);
  }
  for (uint32_t expert = 0; expert < experts; ++expert) {
    if (in_top_k_[expert]) predicted_.push_back(expert);
    if (popularity_[expert] > 0 && presence(expert) == Presence::kAbsent) {
      copies_.push_back({expert, 1 - unasked_[expert]});
    }
  }
  std::sort(copies_.begin(), copies_.end(), [&](const PlannedCopy& a, const PlannedCopy& b) {
    if (popularity_[a.expert] != popularity_[b.expert]) {
      return popularity_[a.expert] > popularity_[b.expert];
    }
    return a.expert < b.expert;
  });
  copies_.resize(std::min(copies_.size(), request.copies));
  return copies_;
}

void Planner::AddToken(std::span<const float> scores, uint32_t top_k, size_t overfetch) {
  const size_t k = std::min<size_t>(top_k, scores.size());
  const size_t candidates = std::min(scores.size(), k + overfetch);
  if (candidates == 0) return;
  order_.resize(scores.size());
  std::iota(order_.begin(), order_.end(), 0u);
  // What is no number is no prediction.
  const auto score = [&](uint32_t expert) {
    return std::isnan(scores[expert]) ? -INFINITY : std::min(scores[expert], kHighestScore);
  };
  const auto better = [&](uint32_t a, uint32_t b) {
    return score(a) != score(b) ? score(a) > score(b) : a < b;
  };
  std::partial_sort(order_.begin(), order_.begin() + static_cast<ptrdiff_t>(candidates),
                    order_.end(), better);
  const float threshold = score(order_[k == 0 ? 0 : k - 1]);
  for (size_t rank = 0; rank < candidates; ++rank) {
    const uint32_t expert = order_[rank];
    if (score(expert) == -INFINITY) break;
    const double odds =
        rank < k ? InsideOdds(score(expert) - threshold) : OutsideOdds(threshold - score(expert));
    if (odds < kLeastOdds) break;
    if (rank < k) in_top_k_[expert] = true;
    popularity_[expert] += odds;
    unasked_[expert] *= 1 - odds;
  }
}

}  // namespace moira::prefetch
