#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

namespace moira::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct FloatBound {
  const char* field;
  float SamplingOptions::*member;
  float minimum, maximum;
  bool above_minimum;  // the minimum itself is not allowed
};

// Wider than what OpenAI's API documents: the schema of a route narrows them.
constexpr std::array kBounds = {
    FloatBound{"temperature", &SamplingOptions::temperature, 0, 100, false},
    FloatBound{"top_p", &SamplingOptions::top_p, 0, 1, false},
    FloatBound{"min_p", &SamplingOptions::min_p, 0, 1, false},
    FloatBound{"typical_p", &SamplingOptions::typical_p, 0, 1, false},
    FloatBound{"repetition_penalty", &SamplingOptions::repetition_penalty, 0, 100, true},
    FloatBound{"frequency_penalty", &SamplingOptions::frequency_penalty, -100, 100, false},
    FloatBound{"presence_penalty", &SamplingOptions::presence_penalty, -100, 100, false},
};

Status CheckBound(const SamplingOptions& options, const FloatBound& bound) {
  const float value = options.*bound.member;
  const bool low = bound.above_minimum ? !(value > bound.minimum) : !(value >= bound.minimum);
  if (!low && value <= bound.maximum) return {};
  return InvalidArgument(std::string(bound.field) + " is " + std::to_string(value) + ", must be " +
                         (bound.above_minimum ? "above " : "at least ") +
                         std::to_string(bound.minimum) + " and at most " +
                         std::to_string(bound.maximum));
}

Status CheckBias(TokenId token, float bias, size_t vocabulary) {
  if (token < 0 || static_cast<size_t>(token) >= vocabulary) {
    return InvalidArgument("logit_bias names token " + std::to_string(token) +
                           ", the vocabulary has " + std::to_string(vocabulary));
  }
  if (std::isnan(bias) || bias == kInfinity) {
    return InvalidArgument("logit_bias of token " + std::to_string(token) + " is not a number");
  }
  return {};
}

// The index of the largest, the first of equal ones; -1 if NaN or plus infinity is among them.
ptrdiff_t IndexOfLargest(std::span<const float> logits) {
  ptrdiff_t best = 0;
  bool bad = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    bad |= !(logits[i] < kInfinity);
    if (logits[i] > logits[best]) best = static_cast<ptrdiff_t>(i);
  }
  return bad ? -1 : best;
}

}  // namespace

Status ValidateSampling(const SamplingOptions& options, size_t vocabulary) {
  for (const FloatBound& bound : kBounds) MOIRA_RETURN_IF_ERROR(CheckBound(options, bound));
  for (const auto& [token, bias] : options.logit_bias) {
    MOIRA_RETURN_IF_ERROR(CheckBias(token, bias, vocabulary));
  }
  return {};
}

Sampler::Sampler(const SamplingOptions& options, uint64_t seed)
    : temperature_(options.temperature),
      top_k_(options.top_k),
      top_p_(options.top_p),
      min_p_(options.min_p),
      typical_p_(options.typical_p),
      penalties_(options),
      random_(seed) {}

Result<TokenId> Sampler::Sample(std::span<const float> logits, SamplerScratch& scratch) {
  if (IndexOfLargest(logits) < 0) {
    return InternalError("the model computed a logit that is not a finite number");
  }
  if (penalties_.active()) {
    scratch.logits.assign(logits.begin(), logits.end());
    penalties_.Apply(scratch.logits);
    logits = scratch.logits;
  }
  const ptrdiff_t best = IndexOfLargest(logits);
  if (best < 0 || logits[static_cast<size_t>(best)] == -kInfinity) {
    return InvalidArgument("logit_bias and penalties leave no token to choose from");
  }
  return temperature_ == 0 ? Result<TokenId>(static_cast<TokenId>(best)) : Draw(logits, scratch);
}

Result<TokenId> Sampler::Draw(std::span<const float> logits, SamplerScratch& scratch) {
  std::vector<Candidate>& candidates = scratch.candidates;
  candidates.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) candidates[i] = {logits[i], static_cast<TokenId>(i)};

  if (top_k_ > 0) KeepTopK(candidates, top_k_);
  if (typical_p_ < 1) KeepTypical(candidates, typical_p_);
  if (top_p_ < 1) KeepTopP(candidates, top_p_);
  if (min_p_ > 0) KeepMinP(candidates, min_p_);

  float largest = -kInfinity;
  for (const Candidate& candidate : candidates) largest = std::max(largest, candidate.logit);
  double sum = 0;
  scratch.weights.resize(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    scratch.weights[i] = std::exp((candidates[i].logit - largest) / double{temperature_});
    sum += scratch.weights[i];
  }
  double left = random_.NextUnit() * sum;
  size_t chosen = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (scratch.weights[i] == 0) continue;
    chosen = i;  // the last with any weight, should rounding leave a rest
    left -= scratch.weights[i];
    if (left < 0) break;
  }
  return candidates[chosen].token;
}

}  // namespace moira::engine
