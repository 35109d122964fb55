#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/tiny_model.h"

namespace moira::testing {

// The forward pass of a TinyModel as a textbook has it: one token at a time, double precision, no
// batching, nothing shared with the product. Slow, and what the executor is compared with.
class PlainForward {
 public:
  explicit PlainForward(const TinyModel& model)
      : model_(model), spec_(model.spec()), keys_(spec_.layers), values_(spec_.layers) {}

  // Appends a token; its logits.
  std::vector<double> Run(int32_t token) {
    Vector x = Row(model_.tensor("token_embd.weight"), token);
    for (uint32_t i = 0; i < spec_.layers; ++i) {
      AddTo(x, Attention(i, Norm(x, Weight(i, "attn_norm"))), 1);
      const Vector y = Norm(x, Weight(i, "ffn_norm"));
      AddTo(x, i < spec_.dense_layers ? Ffn(i, "", y) : Moe(i, y), 1);
    }
    ++position_;
    const char* head = spec_.tied_output ? "token_embd.weight" : "output.weight";
    return Multiply(model_.tensor(head), 0, spec_.vocabulary,
                    Norm(x, model_.tensor("output_norm.weight")));
  }

 private:
  using Vector = std::vector<double>;
  using Tensor = TinyModel::Tensor;

  const Tensor& Weight(uint32_t layer, const std::string& part) const {
    return model_.tensor("blk." + std::to_string(layer) + "." + part + ".weight");
  }

  static Vector Row(const Tensor& tensor, size_t row) {
    const size_t columns = tensor.shape[0];
    return Vector(tensor.values.begin() + row * columns,
                  tensor.values.begin() + (row + 1) * columns);
  }

  static void AddTo(Vector& x, const Vector& y, double factor) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
  }

  // Rows [first, first + count) of a matrix times x.
  static Vector Multiply(const Tensor& matrix, size_t first, size_t count, const Vector& x) {
    Vector y(count);
    for (size_t r = 0; r < count; ++r) {
      for (size_t c = 0; c < x.size(); ++c) {
        y[r] += double{matrix.values[(first + r) * x.size() + c]} * x[c];
      }
    }
    return y;
  }
  static Vector Multiply(const Tensor& matrix, const Vector& x) {
    return Multiply(matrix, 0, matrix.values.size() / x.size(), x);
  }

  static Vector Norm(const Vector& x, const Tensor& gain, size_t begin = 0, size_t size = 0) {
    if (size == 0) size = x.size();
    double squares = 0;
    for (size_t i = 0; i < size; ++i) squares += x[begin + i] * x[begin + i];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(size) + 1e-5f);
    Vector y = x;
    for (size_t i = 0; i < size; ++i) y[begin + i] = x[begin + i] * scale * gain.values[i];
    return y;
  }

  Vector Project(uint32_t layer, const std::string& part, const Vector& x) const {
    Vector y = Multiply(Weight(layer, part), x);
    const std::string bias = "blk." + std::to_string(layer) + "." + part + ".bias";
    for (size_t i = 0; model_.has(bias) && i < y.size(); ++i) {
      y[i] += model_.tensor(bias).values[i];
    }
    return y;
  }

  void NormAndRotate(uint32_t layer, const std::string& norm, Vector& x) const {
    if (spec_.qk_norm == TinySpec::QkNorm::kFullWidth) x = Norm(x, Weight(layer, norm));
    for (size_t head = 0; head < x.size(); head += spec_.head_size) {
      if (spec_.qk_norm == TinySpec::QkNorm::kPerHead) {
        x = Norm(x, Weight(layer, norm), head, spec_.head_size);
      }
      const uint32_t half = spec_.head_size / 2;
      for (uint32_t i = 0; i < half; ++i) {
        const size_t a = head + (spec_.rope_neighbours ? 2 * i : i);
        const size_t b = head + (spec_.rope_neighbours ? 2 * i + 1 : i + half);
        const double angle = position_ * std::pow(10000.0, -2.0 * i / spec_.head_size);
        const double rotated = x[a] * std::cos(angle) - x[b] * std::sin(angle);
        x[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
        x[a] = rotated;
      }
    }
  }

  Vector Attention(uint32_t layer, const Vector& x) {
    Vector query = Project(layer, "attn_q", x);
    Vector key = Project(layer, "attn_k", x);
    NormAndRotate(layer, "attn_q_norm", query);
    NormAndRotate(layer, "attn_k_norm", key);
    keys_[layer].push_back(key);
    values_[layer].push_back(Project(layer, "attn_v", x));
    Vector out(query.size());
    for (uint32_t head = 0; head < spec_.heads; ++head) {
      const size_t q = head * spec_.head_size;
      const size_t kv = head / (spec_.heads / spec_.kv_heads) * spec_.head_size;
      Vector scores;
      for (const Vector& past : keys_[layer]) {
        double dot = 0;
        for (uint32_t d = 0; d < spec_.head_size; ++d) dot += query[q + d] * past[kv + d];
        scores.push_back(std::exp(dot / std::sqrt(spec_.head_size)));
      }
      double sum = 0;
      for (double score : scores) sum += score;
      for (size_t t = 0; t < scores.size(); ++t) {
        for (uint32_t d = 0; d < spec_.head_size; ++d) {
          out[q + d] += scores[t] / sum * values_[layer][t][kv + d];
        }
      }
    }
    return Multiply(Weight(layer, "attn_output"), out);
  }

  static Vector Gate(const Vector& gate, const Vector& up) {
    Vector y(gate.size());
    for (size_t i = 0; i < y.size(); ++i) y[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return y;
  }

  Vector Ffn(uint32_t layer, const std::string& suffix, const Vector& x) const {
    return Multiply(Weight(layer, "ffn_down" + suffix),
                    Gate(Multiply(Weight(layer, "ffn_gate" + suffix), x),
                         Multiply(Weight(layer, "ffn_up" + suffix), x)));
  }

  Vector Expert(uint32_t layer, size_t expert, const Vector& x) const {
    const size_t size = spec_.expert_width;
    Vector gate, up;
    if (spec_.fused_gate_up) {
      gate = Multiply(Weight(layer, "ffn_gate_up_exps"), 2 * expert * size, size, x);
      up = Multiply(Weight(layer, "ffn_gate_up_exps"), (2 * expert + 1) * size, size, x);
    } else {
      gate = Multiply(Weight(layer, "ffn_gate_exps"), expert * size, size, x);
      up = Multiply(Weight(layer, "ffn_up_exps"), expert * size, size, x);
    }
    return Multiply(Weight(layer, "ffn_down_exps"), expert * spec_.width, spec_.width,
                    Gate(gate, up));
  }

  Vector Moe(uint32_t layer, const Vector& x) const {
    Vector scores = Multiply(Weight(layer, "ffn_gate_inp"), x);
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score);
    for (double& score : scores) score /= sum;
    std::vector<std::pair<double, size_t>> best;
    for (size_t e = 0; e < scores.size(); ++e) best.push_back({-scores[e], e});
    std::sort(best.begin(), best.end());
    best.resize(spec_.experts_per_token);
    double total = 0;
    for (const auto& [negative, expert] : best) total -= negative;
    Vector y(spec_.width);
    for (const auto& [negative, expert] : best) {
      const double weight = -negative / (spec_.normalize_weights ? total : 1);
      AddTo(y, Expert(layer, expert, x), weight * spec_.weights_scale);
    }
    if (spec_.shared_experts > 0) {
      const double gate =
          spec_.shared_gate
              ? 1 / (1 + std::exp(-Multiply(Weight(layer, "ffn_gate_inp_shexp"), x)[0]))
              : 1;
      AddTo(y, Ffn(layer, "_shexp", x), gate);
    }
    return y;
  }

  const TinyModel& model_;
  const TinySpec& spec_;
  std::vector<std::vector<Vector>> keys_, values_;  // [layers][positions]
  uint32_t position_ = 0;
};

}  // namespace moira::testing
