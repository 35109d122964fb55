#include "quant/dequantize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/quant/block_cases.h"

namespace moira::quant {
namespace {

using testing::kAllTypes;
using testing::RandomMatrix;
using testing::TensorType;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A float result of exact factors has at most three roundings: of scale, product and sum.
TEST(DequantizeTest, AgreesWithAnIndependentDecoder) {
  for (const TensorType type : kAllTypes) {
    const RandomMatrix matrix(type, 7, 512, 1);
    std::vector<float> values(7 * 512);
    Dequantize(type, matrix.view.data, values);
    for (size_t i = 0; i < values.size(); ++i) {
      const double expected = matrix.At(i / 512, i % 512);
      // A minimum may cancel most of the product: the bound is relative to the larger of the two.
      ASSERT_NEAR(values[i], expected, 1e-6 * (std::abs(expected) + 50))
          << format::GetTensorType(type).name << " value " << i;
    }
  }
}

TEST(DequantizeTest, Mxfp4CoversAllExponents) {
  for (int exponent = 0; exponent < 255; ++exponent) {
    std::byte block[17] = {static_cast<std::byte>(exponent)};
    for (int i = 0; i < 16; ++i) block[1 + i] = static_cast<std::byte>(i * 17);
    float values[32];
    Dequantize(TensorType::kMXFP4, block, values);
    for (int k = 0; k < 32; ++k) {
      EXPECT_EQ(values[k], static_cast<float>(testing::DecodeValue(
                               TensorType::kMXFP4, reinterpret_cast<uint8_t*>(block), k)))
          << "exponent " << exponent << " value " << k;
    }
  }
}

TEST(DequantizeTest, MeetsTheReferenceEngineBitForBit) {
  const std::string folder = MOIRA_SOURCE_DIR "/../shared/models/quant/";
  const std::string text = ReadFile(folder + "manifest.json");
  if (text.empty()) GTEST_SKIP() << "no " << folder;
  const nlohmann::json manifest = nlohmann::json::parse(text);
  int compared = 0;
  for (const nlohmann::json& entry : manifest["types"]) {
    const format::TensorTypeInfo* info = format::FindTensorType(entry["ggml_type_id"]);
    if (info == nullptr || !info->computable) continue;
    const std::string blocks = ReadFile(folder + entry["file"].get<std::string>());
    const std::string expected = ReadFile(folder + entry["values"].get<std::string>());
    std::vector<float> values(expected.size() / sizeof(float));
    Dequantize(info->type, reinterpret_cast<const std::byte*>(blocks.data()), values);
    EXPECT_EQ(std::memcmp(values.data(), expected.data(), expected.size()), 0) << info->name;
    ++compared;
  }
  EXPECT_EQ(compared, 15);  // all types but F32
}

TEST(DequantizeTest, HasAKernelForEveryComputableType) {
  size_t computable = 0;
  for (uint32_t id = 0; id < 64; ++id) {
    const format::TensorTypeInfo* info = format::FindTensorType(id);
    computable += info != nullptr && info->computable;
  }
  EXPECT_EQ(computable, std::size(kAllTypes));
}

}  // namespace
}  // namespace moira::quant
