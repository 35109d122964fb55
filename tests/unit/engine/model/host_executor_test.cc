#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/model_runner.h"
#include "tests/support/plain_forward.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace moira::engine {
namespace {

using cache::ExpertCacheBudget;
using testing::ModelRunner;
using testing::PlainForward;
using testing::RunnerOptions;
using testing::TempFolder;
using testing::TinyFamilies;
using testing::TinyModel;
using testing::TinySpec;

constexpr ExpertCacheBudget kSmallestPool = {ExpertCacheBudget::Kind::kPercent, 0, 0};

std::vector<int32_t> RandomTokens(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 64);
  return tokens;
}

class HostExecutorTest : public ::testing::Test {
 protected:
  std::unique_ptr<ModelRunner> Open(const TinyModel& model, const RunnerOptions& options) {
    const std::string path =
        folder_.Write(std::to_string(files_++) + ".gguf", model.Writer().Bytes());
    Result<std::unique_ptr<ModelRunner>> runner = ModelRunner::Open(path, options);
    EXPECT_TRUE(runner.ok()) << runner.status().message();
    return runner.ok() ? *std::move(runner) : nullptr;
  }

  TempFolder folder_;
  int files_ = 0;
};

class HostExecutorFamilies : public HostExecutorTest, public ::testing::WithParamInterface<size_t> {
 protected:
  TinySpec Spec() const { return TinyFamilies()[GetParam()]; }
};

TEST_P(HostExecutorFamilies, ReferenceModeAgreesWithAPlainForwardPass) {
  const TinyModel model(Spec());
  std::unique_ptr<ModelRunner> runner =
      Open(model, {.compute = quant::ComputeMode::kReference, .kv_type = KvType::kF32});
  ASSERT_NE(runner, nullptr);
  const std::vector<int32_t> tokens = RandomTokens(45, 7);  // more than a KV page
  const ModelRunner::Logits logits = runner->Run(0, tokens);
  ASSERT_EQ(logits.size(), tokens.size());
  PlainForward plain(model);
  for (size_t t = 0; t < tokens.size(); ++t) {
    const std::vector<double> wanted = plain.Run(tokens[t]);
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_NEAR(logits[t][i], wanted[i], 1e-5) << "token " << t << " logit " << i;
    }
  }
}

TEST_P(HostExecutorFamilies, FastModeIsCloseToAPlainForwardPass) {
  const TinyModel model(Spec());
  std::unique_ptr<ModelRunner> runner = Open(model, {});
  ASSERT_NE(runner, nullptr);
  const std::vector<int32_t> tokens = RandomTokens(45, 8);
  const ModelRunner::Logits logits = runner->Run(0, tokens);
  PlainForward plain(model);
  for (size_t t = 0; t < tokens.size(); ++t) {
    const std::vector<double> wanted = plain.Run(tokens[t]);
    // F32 weights; keys and values in F16 are what differs.
    for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(logits[t][i], wanted[i], 0.02);
  }
}

// Cuts 48 tokens in several ways, alone and among others, with all experts resident and hardly any.
TEST_P(HostExecutorFamilies, FastModeIsTheSameHoweverTokensAreCutIntoSteps) {
  TinySpec spec = Spec();
  spec.quantized = true;
  const TinyModel model(spec);
  const std::vector<int32_t> tokens = RandomTokens(48, 9);
  std::unique_ptr<ModelRunner> whole_runner = Open(model, {});
  ASSERT_NE(whole_runner, nullptr);
  const ModelRunner::Logits whole = whole_runner->Run(0, tokens);
  ASSERT_EQ(whole.size(), tokens.size());

  for (const auto& cache :
       {ExpertCacheBudget{ExpertCacheBudget::Kind::kAll, 0, 0}, kSmallestPool}) {
    for (unsigned threads : {1u, 3u}) {
      std::unique_ptr<ModelRunner> runner = Open(
          model,
          {.threads = threads, .expert_cache = cache, .prefetch = prefetch::PrefetchMode::kGate});
      ASSERT_NE(runner, nullptr);
      for (size_t t = 0; t < tokens.size(); ++t) {
        EXPECT_EQ(runner->Run(0, {tokens[t]}).front(), whole[t]) << "token " << t << " alone";
      }
      // In chunks of growing size, beside two sequences of other tokens.
      for (size_t begin = 0, size = 1; begin < tokens.size(); begin += size++) {
        const size_t end = std::min(tokens.size(), begin + size);
        std::vector<ModelRunner::Logits> logits;
        runner->Step({{1, RandomTokens(5, static_cast<uint32_t>(begin))},
                      {2, {tokens.begin() + begin, tokens.begin() + end}},
                      {3, RandomTokens(1, static_cast<uint32_t>(end))}},
                     logits);
        for (size_t t = begin; t < end; ++t) {
          EXPECT_EQ(logits[1][t - begin], whole[t]) << "token " << t << " in a mixed step";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, HostExecutorFamilies,
                         ::testing::Range(size_t{0}, TinyFamilies().size()));

TEST_F(HostExecutorTest, PermutedExpertsChangeNothingAndACorruptOneDoes) {
  TinyModel model(TinySpec{.quantized = true});
  const std::vector<int32_t> tokens = RandomTokens(30, 10);
  const ModelRunner::Logits original = Open(model, {})->Run(0, tokens);
  for (uint32_t layer = 0; layer < model.spec().layers; ++layer) {
    model.PermuteExperts(layer, {3, 7, 0, 5, 1, 6, 2, 4});
  }
  EXPECT_EQ(Open(model, {})->Run(0, tokens), original);

  std::unique_ptr<ModelRunner> runner = Open(model, {});
  uint32_t used = 0;
  runner->executor().SetRouteObserver([&](const RouteRecord& route) {
    if (route.layer == 1) used = route.experts[0];
  });
  runner->Run(0, tokens);
  auto& down = model.tensor("blk.1.ffn_down_exps.weight");
  const size_t size = down.values.size() / model.spec().experts;
  for (size_t i = 0; i < size; ++i) down.values[used * size + i] *= -1;
  EXPECT_NE(Open(model, {})->Run(0, tokens), original);
}

TEST_F(HostExecutorTest, RoutesAreReportedForEveryTokenAndLayer) {
  const TinyModel model(TinySpec{});
  std::unique_ptr<ModelRunner> runner = Open(model, {});
  std::vector<std::pair<uint32_t, uint32_t>> seen;
  runner->executor().SetRouteObserver([&](const RouteRecord& route) {
    seen.push_back({route.layer, route.position});
    ASSERT_EQ(route.experts.size(), 2u);
    EXPECT_NEAR(route.weights[0] + route.weights[1], 1, 1e-6);
    EXPECT_GE(route.weights[0], route.weights[1]);
  });
  runner->Run(0, {1, 2});
  runner->Run(0, {3});
  using Pair = std::pair<uint32_t, uint32_t>;
  EXPECT_THAT(seen,
              ::testing::ElementsAre(Pair{0, 0}, Pair{0, 1}, Pair{1, 0}, Pair{1, 1}, Pair{2, 0},
                                     Pair{2, 1}, Pair{0, 2}, Pair{1, 2}, Pair{2, 2}));
  EXPECT_EQ(runner->hits() + runner->misses(), 3u * 3 * 2);
}

// A sequence whose experts cannot be read fails with that reason; the others do not notice.
TEST_F(HostExecutorTest, AFailedReadEndsOnlyTheSequencesThatNeededIt) {
  const TinyModel model(TinySpec{.quantized = true});
  const std::vector<int32_t> first = {5};
  const std::vector<int32_t> second = {40};
  std::unique_ptr<ModelRunner> good = Open(model, {.expert_cache = kSmallestPool});
  std::vector<ModelRunner::Logits> wanted;
  good->Step({{0, first}, {1, second}}, wanted);

  size_t failures = 0;
  size_t survivors = 0;
  for (int read = 1; read <= 36; ++read) {
    std::unique_ptr<ModelRunner> runner =
        Open(model,
             {.expert_cache = kSmallestPool, .faults = "read:" + std::to_string(read) + "=error"});
    std::vector<ModelRunner::Logits> logits;
    const std::vector<Status> statuses = runner->Step({{0, first}, {1, second}}, logits);
    for (size_t i = 0; i < 2; ++i) {
      if (statuses[i].ok()) {
        EXPECT_EQ(logits[i], wanted[i]) << "read " << read;
        survivors += !statuses[1 - i].ok();
      } else {
        ++failures;
        EXPECT_EQ(statuses[i].code(), StatusCode::kIoError);
        EXPECT_TRUE(logits[i].empty());
      }
    }
  }
  EXPECT_GT(failures, 0u);
  EXPECT_GT(survivors, 0u);
}

class RawStepTest : public HostExecutorTest {
 protected:
  void SetUp() override { runner_ = Open(model_, {}); }

  const TinyModel model_{TinySpec{}};
  std::unique_ptr<ModelRunner> runner_;
};

TEST_F(RawStepTest, CancelledSequencesAreDroppedAndTheOthersGoOn) {
  const ModelRunner::Logits wanted = runner_->Run(0, {1, 2, 3});
  const std::atomic<bool> cancelled = true;
  const std::vector<int32_t> tokens = {1, 2, 3};
  std::vector<cache::KvPageId> pages[2] = {{runner_->AllocatePage()}, {runner_->AllocatePage()}};
  std::vector<StepSequence> step(2);
  for (size_t i = 0; i < 2; ++i) {
    step[i].tokens = tokens;
    step[i].pages = pages[i];
    step[i].wanted = StepSequence::Logits::kLast;
  }
  step[0].cancelled = &cancelled;
  runner_->executor().Run(step);
  EXPECT_EQ(step[0].status.code(), StatusCode::kCancelled);
  EXPECT_TRUE(step[0].logits.empty());
  ASSERT_TRUE(step[1].status.ok());
  EXPECT_THAT(step[1].logits, ::testing::ElementsAreArray(wanted.back()));
}

TEST_F(RawStepTest, WhatDoesNotFitIsRefusedByName) {
  const std::vector<cache::KvPageId> pages = {runner_->AllocatePage()};
  const std::vector<int32_t> unknown = {64};
  const std::vector<int32_t> negative = {-1};
  const std::vector<int32_t> many(33, 1);
  std::vector<StepSequence> step(3);
  step[0].tokens = unknown;
  step[1].tokens = negative;
  step[2].tokens = many;
  for (StepSequence& sequence : step) sequence.pages = pages;
  runner_->executor().Run(step);
  EXPECT_EQ(step[0].status.message(), "token 64 is not in the vocabulary of 64");
  EXPECT_EQ(step[1].status.message(), "token -1 is not in the vocabulary of 64");
  EXPECT_EQ(step[2].status.message(), "a sequence of 33 tokens has 1 KV pages of 32");
}

}  // namespace
}  // namespace moira::engine
