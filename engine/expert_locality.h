#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moira::engine {

// How often real routers find their experts resident.
struct LocalityEstimate {
  double hit_rate;
  std::string measured_on;  // "Qwen3-30B-A3B", or what stands for an unknown model
};

// Hit rate of a decayed-frequency cache that holds `residency` of a model's experts, interpolated
// between the measured points of the model of that architecture and shape; for any other model,
// between the medians of all measured models. Never less than the residency itself, which is what
// even use gives.
LocalityEstimate ExpectedHitRate(std::string_view architecture, uint32_t experts,
                                 uint32_t experts_per_token, double residency);

}  // namespace moira::engine
