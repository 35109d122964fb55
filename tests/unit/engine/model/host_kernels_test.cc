#include "engine/model/host_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "quant/dequantize.h"

namespace moira::engine {
namespace {

using quant::ComputeMode;
using quant::InstructionSet;

class HostKernelsTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  const HostKernels& Fast() const { return GetHostKernels(ComputeMode::kFast, GetParam()); }

  std::vector<float> Random(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = normal_(random_);
    return values;
  }

  std::mt19937 random_{5};
  std::normal_distribution<float> normal_;
};

const HostKernels& Reference() {
  return GetHostKernels(ComputeMode::kReference, InstructionSet::kPortable);
}

// Sizes with and without whole registers.
constexpr size_t kWidths[] = {1, 15, 16, 31, 32, 100, 576};

TEST_P(HostKernelsTest, MultiplyAgreesWithTheReference) {
  for (size_t columns : kWidths) {
    for (size_t tokens : {1u, 2u, 3u, 4u, 9u}) {
      const size_t rows = 5;
      const std::vector<float> weights = Random(rows * columns);
      const std::vector<float> input = Random(tokens * columns);
      std::vector<float> found(tokens * (rows + 2), -1);
      std::vector<float> wanted = found;
      RowProducts products = {weights.data(), rows,         input.data(), tokens,
                              columns,        found.data(), rows + 2};
      Fast().multiply(products);
      products.output = wanted.data();
      Reference().multiply(products);
      for (size_t i = 0; i < found.size(); ++i) {
        // Sums of `columns` products of normal values, rounded to 24 bits along the way.
        ASSERT_NEAR(found[i], wanted[i], 1e-6 * static_cast<double>(columns)) << columns;
      }
    }
  }
}

TEST_P(HostKernelsTest, MultiplyOfARowDoesNotDependOnTheOthers) {
  const size_t columns = 77;
  const size_t tokens = 11;
  const std::vector<float> weights = Random(3 * columns);
  const std::vector<float> input = Random(tokens * columns);
  std::vector<float> together(tokens * 3);
  Fast().multiply({weights.data(), 3, input.data(), tokens, columns, together.data(), 3});
  for (size_t t = 0; t < tokens; ++t) {
    std::vector<float> alone(3);
    Fast().multiply({weights.data(), 3, input.data() + t * columns, 1, columns, alone.data(), 3});
    EXPECT_EQ(alone, std::vector<float>(together.begin() + t * 3, together.begin() + t * 3 + 3));
  }
}

TEST_P(HostKernelsTest, CombineAddsTheWeightedParts) {
  for (size_t width : kWidths) {
    const std::vector<float> a = Random(width), b = Random(width), c = Random(width);
    const float* const parts[] = {a.data(), b.data(), c.data()};
    const float weights[] = {0.5f, -2, 3};
    const std::vector<float> residual = Random(width);
    std::vector<float> found = residual;
    Fast().combine(found.data(), parts, weights, 3, width);
    for (size_t i = 0; i < width; ++i) {
      EXPECT_NEAR(found[i], residual[i] + 0.5 * a[i] - 2.0 * b[i] + 3.0 * c[i], 1e-5);
    }
  }
}

TEST_P(HostKernelsTest, NormalizeDividesByTheRootMeanSquare) {
  for (size_t width : kWidths) {
    const std::vector<float> input = Random(width), gain = Random(width);
    double squares = 0;
    for (float value : input) squares += double{value} * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 0.01);
    std::vector<float> found(width);
    Fast().normalize(input.data(), gain.data(), 0.01f, found.data(), width);
    for (size_t i = 0; i < width; ++i) EXPECT_NEAR(found[i], input[i] * scale * gain[i], 1e-5);
  }
}

// Pages, queries and outputs of one attention task.
struct AttentionData {
  uint32_t key_size, value_size, heads, first, tokens;
  bool half;
  std::vector<std::vector<std::byte>> pages;
  std::vector<const std::byte*> page_pointers;
  std::vector<float> queries;

  size_t element() const { return half ? 2 : 4; }
  size_t value_offset() const { return key_size * kKvPageTokens * element(); }

  std::vector<float> Attend(const HostKernels& kernels, uint32_t begin, uint32_t count) const {
    const size_t query_stride = size_t{heads} * key_size + 3;
    const size_t output_stride = size_t{heads} * value_size + 5;
    std::vector<float> output(count * output_stride, 7);
    std::vector<float> scratch(2 * count * heads);
    kernels.attend({page_pointers.data(), 0, value_offset(), half, key_size, value_size, 0.3f,
                    first + begin, count, heads, queries.data() + begin * query_stride,
                    query_stride, output.data(), output_stride, scratch.data()});
    return output;
  }
};

class AttendTest : public HostKernelsTest {
 protected:
  AttentionData Make(uint32_t key_size, uint32_t value_size, uint32_t heads, uint32_t first,
                     uint32_t tokens, bool half) {
    AttentionData data = {key_size, value_size, heads, first, tokens, half, {}, {}, {}};
    const size_t elements = (size_t{key_size} + value_size) * kKvPageTokens;
    for (uint32_t begin = 0; begin < first + tokens; begin += kKvPageTokens) {
      std::vector<std::byte>& page = data.pages.emplace_back(elements * data.element());
      const std::vector<float> values = Random(elements);
      if (half) {
        quant::FloatToHalf(values, {reinterpret_cast<uint16_t*>(page.data()), elements});
      } else {
        std::memcpy(page.data(), values.data(), page.size());
      }
    }
    for (const auto& page : data.pages) data.page_pointers.push_back(page.data());
    data.queries = Random(tokens * (size_t{heads} * key_size + 3));
    return data;
  }
};

TEST_P(AttendTest, AgreesWithTheReference) {
  for (const bool half : {false, true}) {
    for (const auto& [first, tokens] : {std::pair{0u, 1u}, {31u, 2u}, {5u, 40u}, {100u, 3u}}) {
      for (const auto& [key_size, value_size] : {std::pair{16u, 16u}, {64u, 48u}, {20u, 37u}}) {
        const AttentionData data = Make(key_size, value_size, 3, first, tokens, half);
        const std::vector<float> found = data.Attend(Fast(), 0, tokens);
        const std::vector<float> wanted = data.Attend(Reference(), 0, tokens);
        for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], wanted[i], 1e-5);
      }
    }
  }
}

TEST_P(AttendTest, ATokenDoesNotDependOnTheOthersOfItsTask) {
  const AttentionData data = Make(32, 48, 3, 20, 30, true);
  const std::vector<float> together = data.Attend(Fast(), 0, 30);
  const size_t stride = together.size() / 30;
  for (uint32_t t = 0; t < 30; ++t) {
    EXPECT_EQ(data.Attend(Fast(), t, 1), std::vector<float>(together.begin() + t * stride,
                                                            together.begin() + (t + 1) * stride))
        << "token " << t;
  }
}

// Later tokens of the same page may hold anything, infinities included.
TEST_P(AttendTest, KeysAndValuesThatATokenDoesNotSeeDoNotReachIt) {
  AttentionData data = Make(16, 32, 2, 0, 8, false);
  const std::vector<float> clean = data.Attend(Fast(), 0, 8);
  float* const elements = reinterpret_cast<float*>(data.pages[0].data());
  const float infinity = std::numeric_limits<float>::infinity();
  for (uint32_t slot = 6; slot < kKvPageTokens; ++slot) {
    for (uint32_t d = 0; d < 16; ++d) elements[d * kKvPageTokens + slot] = infinity;
    for (uint32_t c = 0; c < 32; ++c) {
      elements[16 * kKvPageTokens + slot * 32 + c] = slot % 2 == 0 ? infinity : -infinity;
    }
  }
  const std::vector<float> found = data.Attend(Fast(), 0, 8);
  const size_t stride = found.size() / 8;
  for (size_t i = 0; i < 6 * stride; ++i) ASSERT_EQ(found[i], clean[i]);
}

// Scores whose exponentials overflow or vanish on their own, and pages whose largest score is far
// below that of the pages before them.
TEST_P(AttendTest, LargeScoresAreHandled) {
  AttentionData data = Make(16, 16, 1, 250, 6, false);
  for (float& query : data.queries) query *= 300;
  const std::vector<float> found = data.Attend(Fast(), 0, 6);
  const std::vector<float> wanted = data.Attend(Reference(), 0, 6);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-2);
}

std::string TestName(const ::testing::TestParamInfo<InstructionSet>& test) {
  std::string name(quant::InstructionSetName(test.param));
  std::erase_if(name, [](unsigned char c) { return std::isalnum(c) == 0; });
  return name;
}

INSTANTIATE_TEST_SUITE_P(Sets, HostKernelsTest,
                         ::testing::ValuesIn(quant::SupportedInstructionSets()), TestName);
INSTANTIATE_TEST_SUITE_P(Sets, AttendTest, ::testing::ValuesIn(quant::SupportedInstructionSets()),
                         TestName);

}  // namespace
}  // namespace moira::engine
