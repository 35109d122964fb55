#include "engine/expert_locality.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace moira::engine {
namespace {

constexpr size_t kPoints = 3;

// Hit rates of decayed frequency (half-life 16 tokens) with equal slots per layer, on the models'
// own generations, from a public audit of expert offloading: nine models, three cache sizes.
struct Measured {
  const char* name;
  const char* architecture;
  uint32_t experts;
  uint32_t experts_per_token;
  std::array<double, kPoints> residency;
  std::array<double, kPoints> hit_rate;
};
constexpr std::array<double, kPoints> kEighths = {0.125, 0.25, 0.375};
constexpr Measured kMeasured[] = {
    {"Qwen3-30B-A3B", "qwen3moe", 128, 8, kEighths, {0.63, 0.82, 0.91}},
    {"gpt-oss-120b", "gpt-oss", 128, 4, kEighths, {0.65, 0.82, 0.90}},
    {"gpt-oss-20b", "gpt-oss", 32, 4, kEighths, {0.46, 0.69, 0.83}},
    {"OLMoE-1B-7B", "olmoe", 64, 8, kEighths, {0.47, 0.66, 0.78}},
    {"Phi-3.5-MoE", "phimoe", 16, 2, kEighths, {0.45, 0.64, 0.77}},
    {"Qwen2-57B-A14B", "qwen2moe", 64, 8, kEighths, {0.30, 0.45, 0.58}},
    {"DeepSeek-V2-Lite", "deepseek2", 64, 6, kEighths, {0.30, 0.48, 0.62}},
    {"Qwen1.5-MoE-A2.7B", "qwen2moe", 60, 4, kEighths, {0.28, 0.43, 0.58}},
    {"Mixtral-8x7B", "llama", 8, 2, {0.25, 0.375, 0.5}, {0.36, 0.50, 0.63}},
};

// Straight lines between (0, 0), the points and (1, 1).
double Interpolate(const Measured& model, double residency) {
  double left = 0, left_rate = 0;
  for (size_t i = 0; i <= kPoints; ++i) {
    const double right = i < kPoints ? model.residency[i] : 1;
    const double right_rate = i < kPoints ? model.hit_rate[i] : 1;
    if (residency <= right) {
      return left_rate + (right_rate - left_rate) * (residency - left) / (right - left);
    }
    left = right;
    left_rate = right_rate;
  }
  return 1;
}

double MedianRate(double residency) {
  std::vector<double> rates;
  for (const Measured& model : kMeasured) rates.push_back(Interpolate(model, residency));
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

}  // namespace

LocalityEstimate ExpectedHitRate(std::string_view architecture, uint32_t experts,
                                 uint32_t experts_per_token, double residency) {
  residency = std::clamp(residency, 0.0, 1.0);
  // A token cannot find more experts of a layer resident than there are.
  const double most =
      experts_per_token == 0 ? 1 : std::min(1.0, residency * experts / experts_per_token);
  const auto model = std::find_if(std::begin(kMeasured), std::end(kMeasured), [&](const auto& row) {
    return row.architecture == architecture && row.experts == experts &&
           row.experts_per_token == experts_per_token;
  });
  if (model == std::end(kMeasured)) {
    return {std::max(residency, std::min(most, MedianRate(residency))),
            "the median of nine models"};
  }
  return {std::max(residency, std::min(most, Interpolate(*model, residency))), model->name};
}

}  // namespace moira::engine
