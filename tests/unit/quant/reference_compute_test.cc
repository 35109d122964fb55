#include "quant/reference_compute.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/quant/block_cases.h"

namespace moira::quant {
namespace {

using testing::ColumnCases;
using testing::kAllTypes;
using testing::RandomMatrix;
using testing::RandomValues;
using testing::TensorType;

TEST(ReferenceComputeTest, SumsInDouble) {
  ThreadPool pool(2);
  ReferenceCompute compute(pool);
  for (const TensorType type : kAllTypes) {
    for (const size_t columns : ColumnCases(type)) {
      const RandomMatrix weights(type, 5, columns, 1);
      const std::vector<float> x = RandomValues(3 * columns, 2);
      std::vector<float> y(3 * 8, -1.0f);
      const MatMulTask task{weights.view, y.data(), 8};
      compute.SetInput(x.data(), 3, columns);
      compute.MatMul({&task, 1});
      for (size_t t = 0; t < 3; ++t) {
        for (size_t r = 0; r < 5; ++r) {
          double sum = 0, magnitude = 0;
          for (size_t c = 0; c < columns; ++c) {
            const double product = weights.At(r, c) * x[t * columns + c];
            sum += product;
            magnitude += std::abs(product);
          }
          // Weights are rounded to F32 when they are expanded, sums to F32 at the end.
          EXPECT_NEAR(y[t * 8 + r], sum, 3e-7 * magnitude) << format::GetTensorType(type).name;
        }
        EXPECT_EQ(y[t * 8 + 5], -1.0f);
      }
    }
  }
}

}  // namespace
}  // namespace moira::quant
