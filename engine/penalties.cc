#include "engine/penalties.h"

#include <limits>

namespace moira::engine {
namespace {

// OpenAI's documented meaning of the smallest bias.
constexpr float kBanningBias = -100;

bool Penalizes(const SamplingOptions& options) {
  return options.penalty_window > 0 &&
         (options.repetition_penalty != 1 || options.frequency_penalty != 0 ||
          options.presence_penalty != 0);
}

}  // namespace

Penalties::Penalties(const SamplingOptions& options)
    : options_(options), penalizes_(Penalizes(options)) {}

void Penalties::Accept(TokenId token) {
  if (!penalizes_) return;
  window_.push_back(token);
  ++counts_[token];
  if (window_.size() <= options_.penalty_window) return;
  auto oldest = counts_.find(window_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  window_.pop_front();
}

void Penalties::Apply(std::span<float> logits) const {
  for (const auto& [token, bias] : options_.logit_bias) {
    float& logit = logits[static_cast<size_t>(token)];
    logit = bias <= kBanningBias ? -std::numeric_limits<float>::infinity() : logit + bias;
  }
  for (const auto& [token, count] : counts_) {
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    logit -= static_cast<float>(count) * options_.frequency_penalty + options_.presence_penalty;
  }
}

}  // namespace moira::engine
