#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "quant/dequantize.h"
#include "tests/support/gguf_writer.h"

namespace moira::testing {

// The shape of a small random model, and the peculiarities of its family, stated here once more and
// apart from the product's tables.
struct TinySpec {
  enum class QkNorm { kNone, kPerHead, kFullWidth };

  std::string architecture = "qwen3moe";
  uint32_t layers = 3, width = 32, heads = 4, kv_heads = 2, head_size = 16, vocabulary = 64;
  uint32_t experts = 8, experts_per_token = 2, expert_width = 32;
  uint32_t dense_layers = 0, feed_forward = 64;
  uint32_t shared_experts = 0;  // each as wide as a routed one
  bool shared_gate = false;
  bool rope_neighbours = false;
  QkNorm qk_norm = QkNorm::kPerHead;
  bool qkv_bias = false;
  bool normalize_weights = true;
  float weights_scale = 1;
  bool fused_gate_up = false;
  bool tied_output = false;
  bool quantized = false;  // matrices in Q8_0, else F32
};

// One of each family that is supported.
inline std::vector<TinySpec> TinyFamilies() {
  TinySpec qwen3moe;
  TinySpec dense = {.architecture = "llama", .experts = 0, .dense_layers = 3, .tied_output = true};
  dense.rope_neighbours = true;
  dense.qk_norm = TinySpec::QkNorm::kNone;
  TinySpec mixtral = dense;
  mixtral.experts = 8;
  mixtral.dense_layers = 0;
  mixtral.tied_output = false;
  mixtral.fused_gate_up = true;
  TinySpec qwen2moe = {.architecture = "qwen2moe", .shared_experts = 2, .shared_gate = true};
  qwen2moe.qk_norm = TinySpec::QkNorm::kNone;
  qwen2moe.qkv_bias = true;
  qwen2moe.normalize_weights = false;
  TinySpec olmoe = {.architecture = "olmoe", .qk_norm = TinySpec::QkNorm::kFullWidth};
  olmoe.normalize_weights = false;
  TinySpec deepseek = {.architecture = "deepseek", .dense_layers = 1, .shared_experts = 2};
  deepseek.rope_neighbours = true;
  deepseek.qk_norm = TinySpec::QkNorm::kNone;
  deepseek.normalize_weights = false;
  deepseek.weights_scale = 1.5f;
  return {qwen3moe, dense, mixtral, qwen2moe, olmoe, deepseek};
}

// Seeded random weights for a spec, by GGUF tensor name, and the file made of them. Values of
// quantized tensors are what the file's blocks expand to.
class TinyModel {
 public:
  struct Tensor {
    std::vector<uint64_t> shape;  // GGUF order
    std::vector<float> values;
    bool quantized = false;
  };

  explicit TinyModel(const TinySpec& spec, uint32_t seed = 1) : spec_(spec), random_(seed) {
    const uint64_t width = spec.width;
    Add("token_embd.weight", {width, spec.vocabulary}, 1, false);
    AddGain("output_norm.weight", width);
    if (!spec.tied_output) Add("output.weight", {width, spec.vocabulary}, 0.5f, spec.quantized);
    for (uint32_t i = 0; i < spec.layers; ++i) AddLayer(i);
  }

  const TinySpec& spec() const { return spec_; }
  const Tensor& tensor(const std::string& name) const { return tensors_.at(name); }
  Tensor& tensor(const std::string& name) { return tensors_.at(name); }
  bool has(const std::string& name) const { return tensors_.contains(name); }

  // Moves expert e of a layer to place order[e], router row and all.
  void PermuteExperts(uint32_t layer, const std::vector<uint32_t>& order) {
    for (const char* part : {"ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
      Tensor& tensor = tensors_.at(Name(layer, part));
      const size_t size = tensor.values.size() / spec_.experts;
      const std::vector<float> old = tensor.values;
      for (uint32_t e = 0; e < spec_.experts; ++e) {
        std::copy_n(old.begin() + e * size, size, tensor.values.begin() + order[e] * size);
      }
    }
  }

  // The file as a writer, for tests that add to it.
  GgufWriter Writer() const { return WriterWithout(""); }
  GgufWriter WriterWithout(const std::string& missing) const {
    GgufWriter writer = Metadata();
    for (const auto& [name, tensor] : tensors_) {
      if (name == missing) continue;
      if (tensor.quantized) {
        writer.AddTensor(name, format::TensorType::kQ8_0, tensor.shape, Q8(tensor.values));
      } else {
        writer.AddTensor(name, tensor.shape, tensor.values);
      }
    }
    return writer;
  }

 private:
  static std::string Name(uint32_t layer, const std::string& part) {
    return "blk." + std::to_string(layer) + "." + part + ".weight";
  }

  void AddLayer(uint32_t i) {
    const uint64_t width = spec_.width;
    const uint64_t queries = uint64_t{spec_.heads} * spec_.head_size;
    const uint64_t keys = uint64_t{spec_.kv_heads} * spec_.head_size;
    AddGain(Name(i, "attn_norm"), width);
    Add(Name(i, "attn_q"), {width, queries}, 1, spec_.quantized);
    Add(Name(i, "attn_k"), {width, keys}, 1, spec_.quantized);
    Add(Name(i, "attn_v"), {width, keys}, 1, spec_.quantized);
    Add(Name(i, "attn_output"), {queries, width}, 1, spec_.quantized);
    if (spec_.qkv_bias) {
      const std::string block = "blk." + std::to_string(i) + ".";
      Add(block + "attn_q.bias", {queries}, 0.3f, false);
      Add(block + "attn_k.bias", {keys}, 0.3f, false);
      Add(block + "attn_v.bias", {keys}, 0.3f, false);
    }
    if (spec_.qk_norm != TinySpec::QkNorm::kNone) {
      const bool per_head = spec_.qk_norm == TinySpec::QkNorm::kPerHead;
      AddGain(Name(i, "attn_q_norm"), per_head ? spec_.head_size : queries);
      AddGain(Name(i, "attn_k_norm"), per_head ? spec_.head_size : keys);
    }
    AddGain(Name(i, "ffn_norm"), width);
    if (i < spec_.dense_layers) {
      AddFfn(i, "", spec_.feed_forward);
      return;
    }
    const uint64_t expert_width = spec_.expert_width;
    Add(Name(i, "ffn_gate_inp"), {width, spec_.experts}, 2, false);
    if (spec_.fused_gate_up) {
      Add(Name(i, "ffn_gate_up_exps"), {width, 2 * expert_width, spec_.experts}, 1,
          spec_.quantized);
    } else {
      Add(Name(i, "ffn_gate_exps"), {width, expert_width, spec_.experts}, 1, spec_.quantized);
      Add(Name(i, "ffn_up_exps"), {width, expert_width, spec_.experts}, 1, spec_.quantized);
    }
    Add(Name(i, "ffn_down_exps"), {expert_width, width, spec_.experts}, 1, spec_.quantized);
    if (spec_.shared_experts > 0) AddFfn(i, "_shexp", spec_.shared_experts * expert_width);
    if (spec_.shared_gate) Add(Name(i, "ffn_gate_inp_shexp"), {width}, 1, false);
  }

  void AddFfn(uint32_t i, const std::string& suffix, uint64_t feed_forward) {
    Add(Name(i, "ffn_gate" + suffix), {spec_.width, feed_forward}, 1, spec_.quantized);
    Add(Name(i, "ffn_up" + suffix), {spec_.width, feed_forward}, 1, spec_.quantized);
    Add(Name(i, "ffn_down" + suffix), {feed_forward, spec_.width}, 1, spec_.quantized);
  }

  // Normal values of deviation `strength` / sqrt(columns).
  void Add(const std::string& name, const std::vector<uint64_t>& shape, float strength,
           bool quantized) {
    size_t count = 1;
    for (uint64_t dimension : shape) count *= dimension;
    std::normal_distribution<float> normal(0, strength / std::sqrt(static_cast<float>(shape[0])));
    Tensor tensor = {shape, std::vector<float>(count), quantized};
    for (float& value : tensor.values) value = normal(random_);
    if (quantized) {
      const std::string blocks = Q8(tensor.values);
      quant::Dequantize(format::TensorType::kQ8_0,
                        reinterpret_cast<const std::byte*>(blocks.data()), tensor.values);
    }
    tensors_[name] = std::move(tensor);
  }

  void AddGain(const std::string& name, uint64_t size) {
    Add(name, {size}, 1, false);
    for (float& value : tensors_[name].values) value = 1 + 0.5f * value;
  }

  // Blocks of 32 values: a half scale and 32 signed bytes.
  static std::string Q8(const std::vector<float>& values) {
    std::string blocks;
    for (size_t i = 0; i < values.size(); i += 32) {
      float largest = 0;
      for (size_t j = 0; j < 32; ++j) largest = std::max(largest, std::abs(values[i + j]));
      const uint16_t half = quant::FloatToHalf(largest / 127);
      const float scale = quant::HalfToFloat(half);
      blocks.append(reinterpret_cast<const char*>(&half), sizeof(half));
      for (size_t j = 0; j < 32; ++j) {
        const float steps = scale == 0 ? 0 : std::round(values[i + j] / scale);
        blocks.push_back(static_cast<char>(static_cast<int8_t>(std::clamp(steps, -127.f, 127.f))));
      }
    }
    return blocks;
  }

  GgufWriter Metadata() const {
    GgufWriter writer;
    const auto key = [&](const char* name) { return spec_.architecture + "." + name; };
    writer.Set("general.architecture", spec_.architecture.c_str());
    writer.Set(key("block_count"), spec_.layers);
    writer.Set(key("context_length"), uint32_t{512});
    writer.Set(key("embedding_length"), spec_.width);
    writer.Set(key("feed_forward_length"), spec_.feed_forward);
    writer.Set(key("attention.head_count"), spec_.heads);
    writer.Set(key("attention.head_count_kv"), spec_.kv_heads);
    writer.Set(key("attention.key_length"), spec_.head_size);
    writer.Set(key("attention.value_length"), spec_.head_size);
    writer.Set(key("attention.layer_norm_rms_epsilon"), 1e-5f);
    writer.Set(key("rope.freq_base"), 10000.0f);
    if (spec_.experts == 0) return writer;
    writer.Set(key("expert_count"), spec_.experts);
    writer.Set(key("expert_used_count"), spec_.experts_per_token);
    writer.Set(key("expert_feed_forward_length"), spec_.expert_width);
    writer.Set(key("expert_weights_scale"), spec_.weights_scale);
    if (spec_.architecture == "deepseek") {
      writer.Set(key("leading_dense_block_count"), spec_.dense_layers);
      writer.Set(key("expert_shared_count"), spec_.shared_experts);
    } else if (spec_.shared_experts > 0) {
      writer.Set(key("expert_shared_feed_forward_length"),
                 spec_.shared_experts * spec_.expert_width);
    }
    return writer;
  }

  TinySpec spec_;
  std::mt19937 random_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace moira::testing
