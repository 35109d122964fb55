#include "engine/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moira::engine {
namespace {

// The pair whose wavelength fits `rotations` times into the original context (yarn paper, arXiv
// 2309.00071, section 3.2).
double YarnPair(const ModelConfig& config, double rotations) {
  const double context = config.rope_original_context;
  return config.rope_dimensions * std::log(context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(double{config.rope_base}));
}

// How much of pair `index` is extrapolated (1) and not interpolated (0).
double YarnExtrapolation(const ModelConfig& config, uint32_t index) {
  const double last = config.rope_dimensions - 1;
  const double low = std::clamp(std::floor(YarnPair(config, config.yarn_beta_fast)), 0.0, last);
  const double high = std::clamp(std::ceil(YarnPair(config, config.yarn_beta_slow)), 0.0, last);
  const double ramp = (index - low) / std::max(0.001, high - low);
  return (1 - std::clamp(ramp, 0.0, 1.0)) * config.yarn_extrapolation;
}

}  // namespace

Rope::Rope(const ModelConfig& config, std::span<const float> divisors)
    : pairing_(config.rope_pairing),
      attention_factor_(config.rope_attention_factor),
      frequencies_(config.rope_dimensions / 2) {
  for (uint32_t i = 0; i < frequencies_.size(); ++i) {
    double frequency = std::pow(double{config.rope_base}, -2.0 * i / config.rope_dimensions);
    if (!divisors.empty()) frequency /= divisors[i];
    const double interpolated = frequency / config.rope_scaling_factor;
    const double extrapolation =
        config.rope_scaling == RopeScaling::kYarn ? YarnExtrapolation(config, i) : 0;
    frequencies_[i] = interpolated * (1 - extrapolation) + frequency * extrapolation;
  }
}

void Rope::Angles(uint32_t position, float* angles) const {
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const double angle = position * frequencies_[i];
    angles[i] = static_cast<float>(std::cos(angle)) * attention_factor_;
    angles[frequencies_.size() + i] = static_cast<float>(std::sin(angle)) * attention_factor_;
  }
}

void Rope::Rotate(const float* angles, float* head) const {
  const size_t count = frequencies_.size();
  const size_t step = pairing_ == RopePairing::kNeighbours ? 2 : 1;
  const size_t partner = pairing_ == RopePairing::kNeighbours ? 1 : count;
  for (size_t i = 0; i < count; ++i) {
    float& first = head[i * step];
    float& second = head[i * step + partner];
    const float cosine = angles[i];
    const float sine = angles[count + i];
    const float rotated = first * cosine - second * sine;
    second = first * sine + second * cosine;
    first = rotated;
  }
}

}  // namespace moira::engine
