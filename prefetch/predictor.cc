#include "prefetch/predictor.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moira::prefetch {
namespace {

// Passes after which a use counts half, as in the decayed replacement policy.
constexpr double kHalfLife = 16;
// Below this a use is forgotten: 2^-10, ten half-lives.
constexpr float kLeastHeat = 1.0f / 1024;

// The layer's own gate on the gate input of the layer before (Fate, arXiv 2502.12224).
class GatePredictor : public Predictor {
 public:
  bool wants_gate_scores() const override { return true; }
  void Observe(size_t, std::span<const uint32_t>) override {}
  Prediction Predict(size_t, const Prediction& gate) override { return gate; }
};

// The experts that the last pass asked this layer for.
class PreviousPredictor : public Predictor {
 public:
  explicit PreviousPredictor(const cache::RecordIndex& index)
      : index_(index), last_(index.layers()) {}

  bool wants_gate_scores() const override { return false; }
  void Observe(size_t ordinal, std::span<const uint32_t> experts) override {
    last_[ordinal].assign(experts.begin(), experts.end());
  }
  Prediction Predict(size_t ordinal, const Prediction&) override {
    const std::vector<uint32_t>& last = last_[ordinal];
    if (last.empty()) return {};
    scores_.assign(index_.layer(ordinal).experts, -INFINITY);
    for (uint32_t expert : last) scores_[expert] = 0;
    return {scores_, 1, static_cast<uint32_t>(last.size())};
  }

 private:
  const cache::RecordIndex& index_;
  std::vector<std::vector<uint32_t>> last_;  // by ordinal
  std::vector<float> scores_;
};

// The experts that this layer was asked for most, lately.
class FrequencyPredictor : public Predictor {
 public:
  FrequencyPredictor(uint32_t top_k, const cache::RecordIndex& index)
      : top_k_(top_k), index_(index), heat_(index.records()) {}

  bool wants_gate_scores() const override { return false; }
  void Observe(size_t ordinal, std::span<const uint32_t> experts) override {
    const std::span<float> heat = Layer(ordinal);
    const auto decay = static_cast<float>(std::exp2(-1 / kHalfLife));
    for (float& value : heat) value = value * decay < kLeastHeat ? 0 : value * decay;
    for (uint32_t expert : experts) heat[expert] += 1;
  }
  Prediction Predict(size_t ordinal, const Prediction&) override {
    const std::span<float> heat = Layer(ordinal);
    scores_.resize(heat.size());
    // log 0 = -inf: never asked for.
    std::transform(heat.begin(), heat.end(), scores_.begin(),
                   [](float value) { return std::log(value); });
    const bool known = std::any_of(heat.begin(), heat.end(), [](float value) { return value > 0; });
    return {scores_, known ? size_t{1} : size_t{0}, top_k_};
  }

 private:
  std::span<float> Layer(size_t ordinal) {
    return std::span(heat_).subspan(index_.first_record(ordinal), index_.layer(ordinal).experts);
  }

  const uint32_t top_k_;
  const cache::RecordIndex& index_;
  std::vector<float> heat_;  // by record
  std::vector<float> scores_;
};

}  // namespace

std::unique_ptr<Predictor> CreatePredictor(PrefetchMode mode, uint32_t top_k,
                                           const cache::RecordIndex& index) {
  switch (mode) {
    case PrefetchMode::kAutomatic:
    case PrefetchMode::kGate:
      return std::make_unique<GatePredictor>();
    case PrefetchMode::kPrevious:
      return std::make_unique<PreviousPredictor>(index);
    case PrefetchMode::kFrequency:
      return std::make_unique<FrequencyPredictor>(top_k, index);
    case PrefetchMode::kOff:
      break;
  }
  return nullptr;
}

}  // namespace moira::prefetch
