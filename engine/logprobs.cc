#include "engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moira::engine {
namespace {

// The `count` largest logits by insertion into a short sorted list: one pass, no sort.
std::vector<TokenLogprob> Largest(std::span<const float> logits, size_t count) {
  std::vector<TokenLogprob> best;
  if (count == 0) return best;
  best.reserve(count + 1);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (best.size() == count && !(logits[i] > best.back().logprob)) continue;
    const auto place = std::find_if(best.begin(), best.end(), [&](const TokenLogprob& entry) {
      return entry.logprob < logits[i];
    });
    best.insert(place, {static_cast<TokenId>(i), logits[i]});
    if (best.size() > count) best.pop_back();
  }
  return best;
}

}  // namespace

GeneratedToken WithLogprob(TokenId token, std::span<const float> logits, uint32_t alternatives) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - largest);
  const double log_sum = largest + std::log(sum);
  const auto logprob = [&](float logit) { return static_cast<float>(logit - log_sum); };

  GeneratedToken described{token, logprob(logits[static_cast<size_t>(token)]), {}};
  described.alternatives = Largest(logits, alternatives);
  for (TokenLogprob& entry : described.alternatives) entry.logprob = logprob(entry.logprob);
  return described;
}

}  // namespace moira::engine
