#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cache/format/tensor_type.h"
#include "tests/support/gguf_writer.h"

namespace moira::testing {

// A mixture-of-experts model with random weights, small enough to be made in a test: architecture
// qwen3moe, an SPM vocabulary of bytes and a few pieces. Odd layers hold their experts in Q4_0 and
// even ones in Q8_0, so there are two layout classes. A function of its seed.
class TinyMoe {
 public:
  static constexpr uint32_t kWidth = 64, kLayers = 4, kHeads = 4, kKvHeads = 2, kHeadSize = 32;
  static constexpr uint32_t kExperts = 16, kExpertsPerToken = 4, kExpertWidth = 64;
  static constexpr uint32_t kContext = 1024;
  static constexpr uint32_t kFirstPiece = 259;  // after <unk>, <s>, </s> and the bytes

  explicit TinyMoe(uint32_t seed = 1) : random_(seed) {
    AddMetadata();
    AddTokenizer();
    AddVector("output_norm.weight", kWidth);
    AddMatrix("token_embd.weight", {kWidth, vocabulary_}, 8);
    AddMatrix("output.weight", {kWidth, vocabulary_}, 1.6f);
    for (uint32_t layer = 0; layer < kLayers; ++layer) AddLayer(layer);
  }

  uint32_t vocabulary() const { return vocabulary_; }
  GgufWriter& writer() { return writer_; }
  std::string Bytes() const { return writer_.Bytes(); }

 private:
  void AddMetadata() {
    const auto key = [](const char* name) { return std::string("qwen3moe.") + name; };
    writer_.Set("general.architecture", "qwen3moe").Set("general.name", "tiny");
    writer_.Set(key("block_count"), kLayers).Set(key("context_length"), kContext);
    writer_.Set(key("embedding_length"), kWidth).Set(key("feed_forward_length"), kExpertWidth);
    writer_.Set(key("expert_feed_forward_length"), kExpertWidth);
    writer_.Set(key("attention.head_count"), kHeads);
    writer_.Set(key("attention.head_count_kv"), kKvHeads);
    writer_.Set(key("attention.key_length"), kHeadSize);
    writer_.Set(key("attention.value_length"), kHeadSize);
    writer_.Set(key("attention.layer_norm_rms_epsilon"), 1e-6f);
    writer_.Set(key("rope.freq_base"), 10000.0f);
    writer_.Set(key("expert_count"), kExperts);
    writer_.Set(key("expert_used_count"), kExpertsPerToken);
  }

  void AddTokenizer() {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};  // unknown, control
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof(name), "<0x%02X>", byte);
      tokens.push_back(name);
      types.push_back(6);  // byte
    }
    for (const char* piece : {"\u2581", "e", "t", "a", "o", "i", "n", "s", "r", "h", "\u2581t",
                              "he", "\u2581the", "an", "in"}) {
      tokens.push_back(piece);
      types.push_back(1);  // normal
    }
    std::vector<float> scores(tokens.size(), 0);
    for (size_t i = kFirstPiece; i < scores.size(); ++i) scores[i] = -static_cast<float>(i);
    vocabulary_ = static_cast<uint32_t>(tokens.size());
    writer_.Set("tokenizer.ggml.model", "llama").Set("tokenizer.ggml.pre", "default");
    writer_.Set("tokenizer.ggml.tokens", tokens).Set("tokenizer.ggml.scores", scores);
    writer_.Set("tokenizer.ggml.token_type", types);
    writer_.Set("tokenizer.ggml.bos_token_id", uint32_t{1});
    writer_.Set("tokenizer.ggml.eos_token_id", uint32_t{2});
    writer_.Set("tokenizer.ggml.unknown_token_id", uint32_t{0});
    writer_.Set("tokenizer.ggml.add_bos_token", true);
    writer_.Set("tokenizer.chat_template",
                "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  }

  void AddLayer(uint32_t layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    AddVector(prefix + "attn_norm.weight", kWidth);
    AddVector(prefix + "ffn_norm.weight", kWidth);
    AddVector(prefix + "attn_q_norm.weight", kHeadSize);
    AddVector(prefix + "attn_k_norm.weight", kHeadSize);
    AddMatrix(prefix + "attn_q.weight", {kWidth, kHeads * kHeadSize}, 1.4f);
    AddMatrix(prefix + "attn_k.weight", {kWidth, kKvHeads * kHeadSize}, 1.4f);
    AddMatrix(prefix + "attn_v.weight", {kWidth, kKvHeads * kHeadSize}, 1.2f);
    AddMatrix(prefix + "attn_output.weight", {kHeads * kHeadSize, kWidth}, 1.2f);
    AddMatrix(prefix + "ffn_gate_inp.weight", {kWidth, kExperts}, 1.5f);
    const auto type = layer % 2 == 0 ? format::TensorType::kQ8_0 : format::TensorType::kQ4_0;
    AddExperts(prefix + "ffn_gate_exps.weight", type, {kWidth, kExpertWidth, kExperts}, 1.6f);
    AddExperts(prefix + "ffn_up_exps.weight", type, {kWidth, kExpertWidth, kExperts}, 1.6f);
    AddExperts(prefix + "ffn_down_exps.weight", type, {kExpertWidth, kWidth, kExperts}, 2.0f);
  }

  // The standard normal distribution, as near as twelve uniform draws come: unlike
  // std::normal_distribution the same with every standard library.
  float Normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(random_()) / 4294967296.0;
    return static_cast<float>(sum);
  }

  void AddVector(const std::string& name, uint64_t size) {
    std::vector<float> values(size);
    for (float& value : values) value = 1 + 0.2f * Normal();
    writer_.AddTensor(name, {size}, values);
  }
  void AddMatrix(const std::string& name, const std::vector<uint64_t>& shape, float gain) {
    std::vector<float> values(shape[0] * shape[1]);
    const float deviation = gain / std::sqrt(static_cast<float>(shape[0]));
    for (float& value : values) value = deviation * Normal();
    writer_.AddTensor(name, shape, values);
  }

  // Blocks of random bits; the scale makes the values' deviation gain / sqrt(inputs).
  void AddExperts(const std::string& name, format::TensorType type,
                  const std::vector<uint64_t>& shape, float gain) {
    // Deviation of uniform integers: 256 of them for Q8_0, 16 for Q4_0.
    const float deviation = (type == format::TensorType::kQ8_0 ? 256 : 16) / std::sqrt(12.0f);
    const uint16_t scale =
        TruncatedHalf(gain / std::sqrt(static_cast<float>(shape[0])) / deviation);
    const size_t block_bytes = format::GetTensorType(type).block_bytes;
    std::string data(*format::RowBytes(type, shape[0]) * shape[1] * shape[2], '\0');
    for (char& byte : data) byte = static_cast<char>(random_() & 0xff);
    for (size_t block = 0; block < data.size(); block += block_bytes) {
      std::memcpy(&data[block], &scale, sizeof(scale));
    }
    writer_.AddTensor(name, type, shape, data);
  }

  // Of a positive value in the range of normal half-precision numbers.
  static uint16_t TruncatedHalf(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return static_cast<uint16_t>((bits >> 13) - ((127 - 15) << 10));
  }

  std::mt19937 random_;
  uint32_t vocabulary_ = 0;
  GgufWriter writer_;
};

}  // namespace moira::testing
