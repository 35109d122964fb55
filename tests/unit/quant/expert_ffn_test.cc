#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "quant/compute.h"
#include "tests/unit/quant/block_cases.h"

namespace moira::quant {
namespace {

using testing::RandomMatrix;
using testing::RandomValues;
using testing::TensorType;

struct Expert {
  RandomMatrix gate, up, down;
  Expert(TensorType gate_type, TensorType up_type, TensorType down_type, size_t model_width,
         size_t expert_width, uint32_t seed)
      : gate(gate_type, expert_width, model_width, seed),
        up(up_type, expert_width, model_width, seed + 1),
        down(down_type, model_width, expert_width, seed + 2) {}
};

struct Request {
  const Expert* expert;
  std::vector<uint32_t> rows;
};

// One output for each request.
std::vector<std::vector<float>> RunFfn(Compute& compute, const std::vector<float>& x, size_t tokens,
                                       size_t model_width, const std::vector<Request>& requests) {
  std::vector<std::vector<float>> outputs;
  std::vector<ExpertJob> jobs;
  for (const Request& request : requests) {
    outputs.emplace_back(request.rows.size() * model_width, NAN);
    jobs.push_back({request.expert->gate.view, request.expert->up.view, request.expert->down.view,
                    request.rows, outputs.back().data()});
  }
  compute.SetInput(x.data(), tokens, model_width);
  compute.ExpertFfn(jobs, FfnActivation::kSwiGlu);
  return outputs;
}

// In double, by the definition.
std::vector<double> Definition(const Expert& expert, const float* x) {
  const size_t model_width = expert.down.view.rows, expert_width = expert.gate.view.rows;
  std::vector<double> hidden(expert_width), output(model_width);
  for (size_t r = 0; r < expert_width; ++r) {
    double gate = 0, up = 0;
    for (size_t c = 0; c < model_width; ++c) {
      gate += expert.gate.At(r, c) * x[c];
      up += expert.up.At(r, c) * x[c];
    }
    hidden[r] = gate / (1 + std::exp(-gate)) * up;
  }
  for (size_t r = 0; r < model_width; ++r) {
    for (size_t c = 0; c < expert_width; ++c) output[r] += expert.down.At(r, c) * hidden[c];
  }
  return output;
}

double RelativeError(const std::vector<float>& actual, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

struct Types {
  TensorType gate, up, down;
};
constexpr Types kTypes[] = {
    {TensorType::kF32, TensorType::kF32, TensorType::kF32},
    {TensorType::kQ4_K, TensorType::kQ4_K, TensorType::kQ6_K},
    {TensorType::kQ4_1, TensorType::kQ4_1, TensorType::kQ8_0},
    {TensorType::kQ5_K, TensorType::kF16, TensorType::kQ5_0},  // three forms at once
    {TensorType::kMXFP4, TensorType::kMXFP4, TensorType::kMXFP4},
};

TEST(ReferenceExpertFfnTest, FollowsTheDefinition) {
  ThreadPool pool(2);
  const auto compute = Compute::CreateBest(ComputeMode::kReference, pool);
  const std::vector<float> x = RandomValues(3 * 256, 1);
  for (const Types& types : kTypes) {
    const Expert expert(types.gate, types.up, types.down, 256, 256, 2);
    const auto outputs = RunFfn(*compute, x, 3, 256, {{&expert, {2, 0}}});
    EXPECT_LT(RelativeError({outputs[0].begin(), outputs[0].begin() + 256},
                            Definition(expert, x.data() + 2 * 256)),
              1e-6);
    EXPECT_LT(
        RelativeError({outputs[0].begin() + 256, outputs[0].end()}, Definition(expert, x.data())),
        1e-6);
  }
}

class ExpertFfnTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  ThreadPool pool_{3};
  std::unique_ptr<Compute> fast_ =
      std::move(Compute::Create(ComputeMode::kFast, GetParam(), pool_)).value();
};

INSTANTIATE_TEST_SUITE_P(Sets, ExpertFfnTest, ::testing::ValuesIn(SupportedInstructionSets()),
                         [](const auto& set) {
                           return std::string(InstructionSetName(set.param));
                         });

TEST_P(ExpertFfnTest, IsWithinActivationRoundingOfTheDefinition) {
  const std::vector<float> x = RandomValues(40 * 512, 3);
  for (const Types& types : kTypes) {
    const Expert first(types.gate, types.up, types.down, 512, 256, 4);
    const Expert second(types.gate, types.up, types.down, 512, 256, 40);
    std::vector<uint32_t> many;
    for (uint32_t t = 0; t < 40; t += 2) many.push_back(39 - t);
    const auto outputs = RunFfn(*fast_, x, 40, 512, {{&first, many}, {&second, {7}}, {&first, {}}});
    // Steps of 1/127 of a block's largest value are an error of about 0.7 % of a normal input; it
    // enters three times and grows where minimums cancel most of a product.
    const double bound = types.gate == TensorType::kF32 ? 2e-6 : 0.06;
    for (size_t t = 0; t < many.size(); ++t) {
      const std::vector<float> row(outputs[0].begin() + t * 512,
                                   outputs[0].begin() + t * 512 + 512);
      EXPECT_LT(RelativeError(row, Definition(first, x.data() + many[t] * 512)), bound);
    }
    EXPECT_LT(RelativeError(outputs[1], Definition(second, x.data() + 7 * 512)), bound);
  }
}

TEST_P(ExpertFfnTest, ResultsDoNotDependOnCompany) {
  const size_t width = 512;
  const std::vector<float> x = RandomValues(300 * width, 5);
  std::vector<uint32_t> all;
  for (uint32_t t = 0; t < 300; ++t) all.push_back(t);
  for (const Types& types : kTypes) {
    const Expert a(types.gate, types.up, types.down, width, 256, 6);
    const Expert b(types.gate, types.up, types.down, width, 256, 60);
    const auto together = RunFfn(*fast_, x, 300, width, {{&a, all}, {&b, {5, 299}}});
    ThreadPool single(1);
    const auto other = std::move(Compute::Create(ComputeMode::kFast, GetParam(), single)).value();
    for (const uint32_t t : {0u, 5u, 255u, 256u, 299u}) {
      const auto alone = RunFfn(*other, x, 300, width, {{&a, {t}}});
      EXPECT_TRUE(std::equal(alone[0].begin(), alone[0].end(), together[0].begin() + t * width));
    }
    const auto alone = RunFfn(*other, x, 300, width, {{&b, {299}}});
    EXPECT_TRUE(std::equal(alone[0].begin(), alone[0].end(), together[1].begin() + width));
  }
}

// Matrices of one expert written out as three products with the gating between give the same.
TEST_P(ExpertFfnTest, AgreesWithMatMul) {
  const Expert expert(TensorType::kQ4_1, TensorType::kQ4_1, TensorType::kQ8_0, 576, 32, 8);
  const std::vector<float> x = RandomValues(576, 9);
  const auto outputs = RunFfn(*fast_, x, 1, 576, {{&expert, {0}}});
  float gate[32], up[32];
  const MatMulTask tasks[2] = {{expert.gate.view, gate, 32}, {expert.up.view, up, 32}};
  fast_->SetInput(x.data(), 1, 576);
  fast_->MatMul(tasks);
  for (int i = 0; i < 32; ++i) {
    gate[i] = static_cast<float>(gate[i] / (1 + std::exp(-static_cast<double>(gate[i]))) * up[i]);
  }
  std::vector<float> down(576);
  const MatMulTask task{expert.down.view, down.data(), 576};
  fast_->SetInput(gate, 1, 32);
  fast_->MatMul({&task, 1});
  // The gating differs in its last bits, which may move an activation by one of 254 steps.
  EXPECT_LT(RelativeError(outputs[0], {down.begin(), down.end()}), 0.005);
}

TEST_P(ExpertFfnTest, GatingIsSafeAtItsEnds) {
  // One hidden value: gate = 1 * x, up = 1, down = 1.
  for (const float x : {-1000.0f, -88.0f, -20.0f, -1.0f, 0.0f, 1.0f, 20.0f, 88.0f, 1000.0f}) {
    const float input[2] = {x, 1.0f};
    const float gate[2] = {1, 0}, up[2] = {0, 1}, down[2] = {1, 1};
    const auto view = [](const float* data, uint64_t rows, uint64_t columns) {
      return MatrixView{TensorType::kF32, reinterpret_cast<const std::byte*>(data), rows, columns};
    };
    const uint32_t row = 0;
    float output[2];
    const ExpertJob job{view(gate, 1, 2), view(up, 1, 2), view(down, 2, 1), {&row, 1}, output};
    fast_->SetInput(input, 1, 2);
    fast_->ExpertFfn({&job, 1}, FfnActivation::kSwiGlu);
    const double expected = x / (1 + std::exp(-static_cast<double>(x)));
    EXPECT_NEAR(output[0], expected, 3e-7 * std::abs(expected) + 1e-34) << x;
    EXPECT_EQ(output[0], output[1]);
  }
}

}  // namespace
}  // namespace moira::quant
