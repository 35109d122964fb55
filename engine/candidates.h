#pragma once

#include <cstdint>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// A token that may come next. A logit of minus infinity means that it must not.
struct Candidate {
  float logit;
  TokenId token;
};

// The filters of a sampler: each takes away candidates and leaves the others' logits as they are;
// probabilities are those of a softmax over what is left, at temperature 1. Of equal logits the
// lower token id ranks first, so which ones stay does not depend on their order. At least one
// candidate stays. None of them sorts much more of the vocabulary than it keeps.

// The `k` most likely.
void KeepTopK(std::vector<Candidate>& candidates, uint32_t k);
// The fewest most likely ones that together have at least probability `p`.
void KeepTopP(std::vector<Candidate>& candidates, double p);
// Those that are at least `p` times as likely as the most likely one.
void KeepMinP(std::vector<Candidate>& candidates, double p);
// Locally typical sampling (Meister et al., arXiv 2202.00666): those whose surprise is closest to
// the entropy, until they together have more than probability `p`.
void KeepTypical(std::vector<Candidate>& candidates, double p);

}  // namespace moira::engine
