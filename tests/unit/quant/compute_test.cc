#include "quant/compute.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "tests/unit/quant/block_cases.h"

namespace moira::quant {
namespace {

using testing::ColumnCases;
using testing::kAllTypes;
using testing::RandomMatrix;
using testing::RandomValues;
using testing::TensorType;

// How many values share a scale when activations are rounded for weights of a type; 1: they are
// not.
size_t RoundingBlock(TensorType type) { return format::GetTensorType(type).block_elements; }

// The error model of kFast: each activation is replaced by the nearest of 255 steps of its block,
// so it is off by at most half a step; everything after that is exact but for F32 roundings.
std::vector<double> Rounded(const float* values, size_t count, size_t block) {
  std::vector<double> result(values, values + count);
  if (block == 1) return result;
  for (size_t begin = 0; begin < count; begin += block) {
    float largest = 0;
    for (size_t i = begin; i < begin + block; ++i) {
      largest = std::max(largest, std::abs(values[i]));
    }
    for (size_t i = begin; i < begin + block; ++i) {
      const float step = largest / 127;
      result[i] = largest == 0 ? 0 : std::nearbyint(values[i] * (127 / largest)) * step;
    }
  }
  return result;
}

struct Expected {
  double exact = 0;      // with the activations as they are
  double rounded = 0;    // with rounded ones
  double magnitude = 0;  // sum of |weight * activation|
  double rounding_bound = 0;
};

Expected Product(const RandomMatrix& weights, size_t row, const float* x) {
  const size_t columns = weights.view.columns, block = RoundingBlock(weights.view.type);
  const std::vector<double> rounded = Rounded(x, columns, block);
  Expected e;
  for (size_t begin = 0; begin < columns; begin += block) {
    double largest = 0, weight_sum = 0;
    for (size_t c = begin; c < begin + block; ++c) {
      const double w = weights.At(row, c);
      e.exact += w * x[c];
      e.rounded += w * rounded[c];
      e.magnitude += std::abs(w * x[c]);
      largest = std::max<double>(largest, std::abs(x[c]));
      weight_sum += std::abs(w);
    }
    if (block > 1) e.rounding_bound += largest / 254 * weight_sum;
  }
  return e;
}

std::vector<float> Multiply(Compute& compute, const MatrixView& weights, const float* x,
                            size_t tokens) {
  std::vector<float> y(tokens * weights.rows, NAN);
  compute.SetInput(x, tokens, weights.columns);
  const MatMulTask task{weights, y.data(), weights.rows};
  compute.MatMul({&task, 1});
  return y;
}

std::string Name(InstructionSet set, TensorType type) {
  return std::string(InstructionSetName(set)) + " " + std::string(format::GetTensorType(type).name);
}

class ComputeTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  ThreadPool pool_{3};
  std::unique_ptr<Compute> fast_ =
      std::move(Compute::Create(ComputeMode::kFast, GetParam(), pool_)).value();
};

INSTANTIATE_TEST_SUITE_P(Sets, ComputeTest, ::testing::ValuesIn(SupportedInstructionSets()),
                         [](const auto& set) {
                           return std::string(InstructionSetName(set.param));
                         });

TEST_P(ComputeTest, ProductsAreWithinTheErrorModel) {
  for (const TensorType type : kAllTypes) {
    for (const size_t columns : ColumnCases(type)) {
      for (const size_t rows : {1, 5, 16, 37}) {
        const RandomMatrix weights(type, rows, columns, static_cast<uint32_t>(rows + columns));
        const std::vector<float> x = RandomValues(3 * columns, 2);
        const std::vector<float> y = Multiply(*fast_, weights.view, x.data(), 3);
        for (size_t i = 0; i < y.size(); ++i) {
          const Expected e = Product(weights, i % rows, x.data() + i / rows * columns);
          // F32 roundings of a sum of up to 1280 products, some with offsets that cancel.
          const double float_bound = 4e-6 * e.magnitude + 1e-30;
          ASSERT_NEAR(y[i], e.rounded, float_bound)
              << Name(GetParam(), type) << " row " << i % rows << " of " << rows << ", " << columns
              << " columns";
          ASSERT_NEAR(y[i], e.exact, e.rounding_bound + float_bound) << Name(GetParam(), type);
        }
      }
    }
  }
}

TEST_P(ComputeTest, AgreesBitForBitWithThePortableSet) {
  ThreadPool single(1);
  const auto portable =
      std::move(Compute::Create(ComputeMode::kFast, InstructionSet::kPortable, single)).value();
  for (const TensorType type : kAllTypes) {
    for (const size_t columns : ColumnCases(type)) {
      const RandomMatrix weights(type, 35, columns, 3);
      const std::vector<float> x = RandomValues(5 * columns, 4);
      EXPECT_EQ(Multiply(*fast_, weights.view, x.data(), 5),
                Multiply(*portable, weights.view, x.data(), 5))
          << Name(GetParam(), type) << " " << columns;
    }
  }
}

// The result for a row and a token is the same alone and among others, wherever both lie.
TEST_P(ComputeTest, ResultsDoNotDependOnCompany) {
  for (const TensorType type : kAllTypes) {
    const size_t columns = ColumnCases(type).back();
    const size_t rows = 43;
    const RandomMatrix weights(type, rows, columns, 5);
    const std::vector<float> x = RandomValues(300 * columns, 6);
    const std::vector<float> all = Multiply(*fast_, weights.view, x.data(), 300);
    for (size_t tokens = 1; tokens <= 17; ++tokens) {
      const size_t first = 300 - tokens;
      const std::vector<float> some =
          Multiply(*fast_, weights.view, x.data() + first * columns, tokens);
      ASSERT_EQ(std::memcmp(some.data(), all.data() + first * rows, some.size() * sizeof(float)), 0)
          << Name(GetParam(), type) << " " << tokens << " tokens";
    }
    for (const size_t count : {1, 7, 16, 30}) {
      const size_t first = rows - count - 3;
      const MatrixView part = weights.view.Rows(first, count);
      const std::vector<float> some = Multiply(*fast_, part, x.data(), 2);
      for (size_t i = 0; i < some.size(); ++i) {
        ASSERT_EQ(some[i], all[i / count * rows + first + i % count])
            << Name(GetParam(), type) << " " << count << " rows";
      }
    }
  }
}

TEST_P(ComputeTest, ResultsDoNotDependOnThreads) {
  for (const TensorType type : kAllTypes) {
    const RandomMatrix weights(type, 500, 512, 7);
    const std::vector<float> x = RandomValues(70 * 512, 8);
    const std::vector<float> expected = Multiply(*fast_, weights.view, x.data(), 70);
    for (const unsigned threads : {1u, 2u, 5u}) {
      ThreadPool pool(threads);
      const auto other = std::move(Compute::Create(ComputeMode::kFast, GetParam(), pool)).value();
      EXPECT_EQ(Multiply(*other, weights.view, x.data(), 70), expected) << Name(GetParam(), type);
    }
  }
}

TEST_P(ComputeTest, TasksOfSeveralTypesShareOneInput) {
  const size_t columns = 512, tokens = 9;
  std::vector<RandomMatrix> matrices;
  std::vector<std::vector<float>> outputs;
  for (const TensorType type : kAllTypes) {
    matrices.emplace_back(type, 20 + matrices.size(), columns, 9);
    outputs.emplace_back(tokens * 100, -1.0f);
  }
  std::vector<MatMulTask> tasks;
  for (size_t i = 0; i < matrices.size(); ++i) {
    tasks.push_back({matrices[i].view, outputs[i].data(), 100});
  }
  const std::vector<float> x = RandomValues(tokens * columns, 10);
  fast_->SetInput(x.data(), tokens, columns);
  fast_->MatMul(tasks);
  for (size_t i = 0; i < matrices.size(); ++i) {
    const size_t rows = matrices[i].view.rows;
    const std::vector<float> alone = Multiply(*fast_, matrices[i].view, x.data(), tokens);
    for (size_t j = 0; j < outputs[i].size(); ++j) {
      // What lies between the rows of an output is not touched.
      const float expected = j % 100 < rows ? alone[j / 100 * rows + j % 100] : -1.0f;
      ASSERT_EQ(outputs[i][j], expected) << Name(GetParam(), kAllTypes[i]);
    }
  }
}

TEST_P(ComputeTest, ZeroInputsGiveZero) {
  for (const TensorType type : kAllTypes) {
    const RandomMatrix weights(type, 19, 256, 11);
    const std::vector<float> x(3 * 256, 0.0f);
    EXPECT_THAT(Multiply(*fast_, weights.view, x.data(), 3), ::testing::Each(0.0f))
        << Name(GetParam(), type);
  }
}

TEST_P(ComputeTest, HandlesTinyAndHugeScales) {
  for (const TensorType type : kAllTypes) {
    for (const float scale : {1e-30f, 1e-42f, 1e30f}) {
      const RandomMatrix weights(type, 17, 256, 12);
      const std::vector<float> x = RandomValues(256, 13, scale);
      const std::vector<float> y = Multiply(*fast_, weights.view, x.data(), 1);
      for (size_t r = 0; r < y.size(); ++r) {
        const Expected e = Product(weights, r, x.data());
        // Below 2^-120 activations may count as zero.
        ASSERT_NEAR(y[r], e.exact, e.rounding_bound + 1e-5 * e.magnitude + 1e-34)
            << Name(GetParam(), type) << " scale " << scale;
      }
    }
  }
}

// All weight bits set, all clear, and activations at both ends: the largest integer sums.
TEST_P(ComputeTest, ExtremesDoNotOverflow) {
  for (const TensorType type : kAllTypes) {
    if (RoundingBlock(type) == 1) continue;
    for (const int fill : {0x00, 0xff, 0x80, 0x7f, 0x88}) {
      RandomMatrix weights(type, 17, 1024, 14);
      const format::TensorTypeInfo& info = format::GetTensorType(type);
      std::vector<std::byte> filled(weights.storage.size(), static_cast<std::byte>(fill));
      // Keep the factors.
      for (size_t b = 1; b + info.block_bytes <= filled.size(); b += info.block_bytes) {
        if (type == TensorType::kMXFP4) filled[b] = weights.storage[b];
        for (const int offset : testing::HalfOffsets(type)) {
          for (int i = 0; i < 2; ++i) filled[b + offset + i] = weights.storage[b + offset + i];
        }
      }
      std::copy(filled.begin(), filled.end(), weights.storage.begin());
      for (const float sign : {1.0f, -1.0f}) {
        const std::vector<float> x(1024, sign * 3.0f);
        const std::vector<float> y = Multiply(*fast_, weights.view, x.data(), 1);
        for (size_t r = 0; r < y.size(); ++r) {
          const Expected e = Product(weights, r, x.data());
          ASSERT_NEAR(y[r], e.exact, 1e-5 * e.magnitude) << Name(GetParam(), type);
        }
      }
    }
  }
}

TEST(ComputeCreateTest, RefusesAnUnsupportedSetByName) {
  ThreadPool pool(1);
  const std::vector<InstructionSet> supported = SupportedInstructionSets();
  ASSERT_EQ(supported.front(), InstructionSet::kPortable);
  for (const InstructionSet set : {InstructionSet::kPortable, InstructionSet::kAvx2,
                                   InstructionSet::kAvx512, InstructionSet::kNeon}) {
    const auto result = Compute::Create(ComputeMode::kFast, set, pool);
    const bool expected = std::find(supported.begin(), supported.end(), set) != supported.end();
    EXPECT_EQ(result.ok(), expected);
    if (!expected) {
      EXPECT_EQ(result.status().code(), StatusCode::kUnsupported);
      EXPECT_THAT(result.status().message(),
                  ::testing::HasSubstr(std::string(InstructionSetName(set))));
    }
  }
}

}  // namespace
}  // namespace moira::quant
