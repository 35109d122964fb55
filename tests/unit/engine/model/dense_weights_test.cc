#include "engine/model/dense_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/device/host_device.h"
#include "quant/dequantize.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace moira::engine {
namespace {

using ::testing::ElementsAreArray;
using testing::GgufWriter;
using ::testing::HasSubstr;
using testing::TempFolder;
using testing::TinyModel;
using testing::TinySpec;

class DenseWeightsTest : public ::testing::Test {
 protected:
  format::Gguf Open(const GgufWriter& writer) {
    return *format::Gguf::Open(folder_.Write("model.gguf", writer.Bytes()));
  }

  Status PlanStatus(const GgufWriter& writer) {
    const format::Gguf gguf = Open(writer);
    return PlanDenseWeights(gguf, *ReadModelConfig(gguf)).status();
  }

  TempFolder folder_;
  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
};

TEST_F(DenseWeightsTest, EveryTensorOfEveryFamilyArrives) {
  for (TinySpec spec : testing::TinyFamilies()) {
    spec.quantized = true;
    const TinyModel model(spec);
    const format::Gguf gguf = Open(model.Writer());
    const ModelConfig config = *ReadModelConfig(gguf);
    const Result<DenseWeights> weights = LoadDenseWeights(gguf, config, *device_, {});
    ASSERT_TRUE(weights.ok()) << weights.status().message();
    EXPECT_EQ(weights->buffer.size(), *PlanDenseWeights(gguf, config));
    const auto expect_values = [&](const float* found, const std::string& name) {
      const std::vector<float>& wanted = model.tensor(name).values;
      ASSERT_NE(found, nullptr) << name;
      EXPECT_THAT(std::span(found, wanted.size()), ElementsAreArray(wanted)) << name;
    };
    const auto expect_matrix = [&](const quant::MatrixView& found, const std::string& name) {
      const TinyModel::Tensor& wanted = model.tensor(name);
      ASSERT_EQ(found.columns, wanted.shape[0]) << name;
      ASSERT_EQ(found.rows, wanted.shape[1]) << name;
      std::vector<float> values(wanted.values.size());
      quant::Dequantize(found.type, found.data, values);
      EXPECT_EQ(values, wanted.values) << name;
    };
    expect_matrix(weights->embedding, "token_embd.weight");
    expect_matrix(weights->output, spec.tied_output ? "token_embd.weight" : "output.weight");
    expect_values(weights->output_norm, "output_norm.weight");
    for (uint32_t i = 0; i < spec.layers; ++i) {
      const LayerWeights& layer = weights->layers[i];
      const std::string block = "blk." + std::to_string(i) + ".";
      expect_matrix(layer.query, block + "attn_q.weight");
      expect_matrix(layer.attention_output, block + "attn_output.weight");
      if (spec.qkv_bias) expect_values(layer.value_bias, block + "attn_v.bias");
      if (layer.query_norm != nullptr)
        expect_values(layer.query_norm, block + "attn_q_norm.weight");
      if (layer.router != nullptr) expect_values(layer.router, block + "ffn_gate_inp.weight");
      if (layer.gate.data != nullptr) {
        expect_matrix(layer.down, block + (layer.router == nullptr ? "ffn_down.weight"
                                                                   : "ffn_down_shexp.weight"));
      }
      EXPECT_EQ(layer.router != nullptr, i >= spec.dense_layers);
      EXPECT_EQ(layer.shared_gate != nullptr, spec.shared_gate);
    }
  }
}

TEST_F(DenseWeightsTest, ARouterInHalfPrecisionIsExpanded) {
  TinyModel model(TinySpec{.layers = 1});
  auto& router = model.tensor("blk.0.ffn_gate_inp.weight");
  std::vector<uint16_t> halves(router.values.size());
  quant::FloatToHalf(router.values, halves);
  quant::HalfToFloat(halves, router.values);
  GgufWriter writer = model.WriterWithout("blk.0.ffn_gate_inp.weight");
  writer.AddTensor("blk.0.ffn_gate_inp.weight", format::TensorType::kF16, router.shape,
                   {reinterpret_cast<const char*>(halves.data()), halves.size() * 2});
  const format::Gguf gguf = Open(writer);
  const Result<DenseWeights> weights = LoadDenseWeights(gguf, *ReadModelConfig(gguf), *device_, {});
  ASSERT_TRUE(weights.ok()) << weights.status().message();
  EXPECT_THAT(std::span(weights->layers[0].router, router.values.size()),
              ElementsAreArray(router.values));
}

TEST_F(DenseWeightsTest, AMissingTensorIsNamed) {
  const TinyModel model(TinySpec{});
  for (const char* name : {"output_norm.weight", "blk.1.attn_k.weight", "blk.2.ffn_gate_inp.weight",
                           "blk.0.ffn_up_exps.weight"}) {
    const Status status = PlanStatus(model.WriterWithout(name));
    EXPECT_EQ(status.code(), StatusCode::kInvalidData);
    EXPECT_THAT(status.message(), HasSubstr("tensor " + std::string(name) + " is missing"));
  }
}

TEST_F(DenseWeightsTest, AWrongShapeIsNamedWithTheRightOne) {
  const TinyModel model(TinySpec{});
  GgufWriter writer = model.WriterWithout("blk.1.attn_k.weight");
  writer.AddZeroTensor("blk.1.attn_k.weight", format::TensorType::kF32, {32, 64});
  const Status status = PlanStatus(writer);
  EXPECT_EQ(status.code(), StatusCode::kInvalidData);
  EXPECT_EQ(status.message(),
            "tensor blk.1.attn_k.weight has the shape [32, 64, 1], wanted [32, 32, 1]");
}

TEST_F(DenseWeightsTest, ATypeWithoutKernelsIsNamed) {
  const TinyModel model(TinySpec{});
  GgufWriter writer = model.WriterWithout("output.weight");
  // I8: known by its size, computed with by nobody.
  writer.AddZeroTensor("output.weight", static_cast<format::TensorType>(24), {32, 64});
  const Status status = PlanStatus(writer);
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("output.weight has the type I8"));
}

TEST_F(DenseWeightsTest, ATensorThatNobodyReadsIsRefused) {
  GgufWriter writer = TinyModel(TinySpec{}).Writer();
  writer.AddZeroTensor("blk.0.attn_sinks.weight", format::TensorType::kF32, {4});
  const Status status = PlanStatus(writer);
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("blk.0.attn_sinks.weight"));
}

TEST_F(DenseWeightsTest, ProgressGrowsToTheWholeAndCanStop) {
  const format::Gguf gguf = Open(TinyModel(TinySpec{}).Writer());
  const ModelConfig config = *ReadModelConfig(gguf);
  uint64_t last = 0;
  uint64_t all = 0;
  ASSERT_TRUE(LoadDenseWeights(gguf, config, *device_, [&](uint64_t done, uint64_t total) {
                EXPECT_GE(done, last);
                last = done;
                all = total;
                return true;
              }).ok());
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, *PlanDenseWeights(gguf, config));
  EXPECT_EQ(LoadDenseWeights(gguf, config, *device_, [](uint64_t, uint64_t) { return false; })
                .status()
                .code(),
            StatusCode::kCancelled);
}

}  // namespace
}  // namespace moira::engine
