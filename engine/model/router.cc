#include "engine/model/router.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace moira::engine {
namespace {

constexpr double kExcluded = -std::numeric_limits<double>::infinity();
// Smallest sum of weights that is divided by: the smallest normal half, as the models were trained.
constexpr double kSmallestWeightSum = 6.103515625e-5;

// In place; values may be -inf, not NaN.
void Softmax(std::span<double> values) {
  const double maximum = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& value : values) {
    value = std::exp(value - maximum);
    sum += value;
  }
  for (double& value : values) value /= sum;
}

// The indices of the `count` largest values, falling, into the front of `order`.
void SelectLargest(std::span<const double> values, uint32_t count, std::vector<uint32_t>& order) {
  order.resize(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](uint32_t a, uint32_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
}

}  // namespace

Router::Router(const ModelConfig& config)
    : gating_(config.gating),
      normalize_(config.normalize_expert_weights),
      scale_(config.expert_weights_scale),
      experts_(config.experts),
      chosen_(config.experts_per_token),
      groups_(config.expert_groups),
      groups_used_(config.expert_groups_used),
      scores_(experts_),
      selection_(experts_),
      group_scores_(groups_) {
  order_.reserve(experts_);
}

void Router::Route(const float* logits, const float* selection_bias, uint32_t* experts,
                   float* weights) {
  Score(logits);
  for (uint32_t e = 0; e < experts_; ++e) {
    selection_[e] = scores_[e] + (selection_bias == nullptr ? 0 : double{selection_bias[e]});
    // A model that computes nonsense must still route: an order needs comparable values.
    if (std::isnan(selection_[e])) selection_[e] = kExcluded;
  }
  if (groups_used_ < groups_) MaskGroups();
  Choose(experts);
  Weigh(experts, weights);
}

void Router::Score(const float* logits) {
  for (uint32_t e = 0; e < experts_; ++e) {
    const double logit = logits[e];
    switch (gating_) {
      case Gating::kSoftmax:
      case Gating::kSoftmaxOfChosen:
        scores_[e] = logit;
        break;
      case Gating::kSigmoid:
        scores_[e] = 1 / (1 + std::exp(-logit));
        break;
      case Gating::kSqrtSoftplus:
        scores_[e] = std::sqrt(logit > 30 ? logit : std::log1p(std::exp(logit)));
        break;
    }
  }
  if (gating_ == Gating::kSoftmax) Softmax(scores_);
}

// A group is worth its two best experts together (DeepSeek-V3, arXiv 2412.19437, section 2.1.2).
void Router::MaskGroups() {
  const uint32_t size = experts_ / groups_;
  for (uint32_t g = 0; g < groups_; ++g) {
    double best = kExcluded;
    double second = kExcluded;
    for (uint32_t e = g * size; e < (g + 1) * size; ++e) {
      second = std::max(second, std::min(best, selection_[e]));
      best = std::max(best, selection_[e]);
    }
    group_scores_[g] = size == 1 ? best : best + second;
  }
  SelectLargest(group_scores_, groups_used_, order_);
  for (uint32_t i = groups_used_; i < groups_; ++i) {
    std::fill_n(selection_.begin() + order_[i] * size, size, kExcluded);
  }
}

void Router::Choose(uint32_t* experts) {
  SelectLargest(selection_, chosen_, order_);
  std::copy_n(order_.begin(), chosen_, experts);
}

void Router::Weigh(const uint32_t* experts, float* weights) const {
  double maximum = kExcluded;
  for (uint32_t i = 0; i < chosen_; ++i) maximum = std::max(maximum, scores_[experts[i]]);
  const auto weight = [&](uint32_t i) {
    const double score = scores_[experts[i]];
    return gating_ == Gating::kSoftmaxOfChosen ? std::exp(score - maximum) : score;
  };
  double sum = 0;
  for (uint32_t i = 0; i < chosen_; ++i) sum += weight(i);
  double factor = scale_;
  if (gating_ == Gating::kSoftmaxOfChosen) {
    factor /= sum;
  } else if (normalize_) {
    factor /= std::max(sum, kSmallestWeightSum);
  }
  for (uint32_t i = 0; i < chosen_; ++i) weights[i] = static_cast<float>(weight(i) * factor);
}

}  // namespace moira::engine
