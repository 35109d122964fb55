#include "engine/model/ffn_block.h"

#include <gtest/gtest.h>

#include "tests/support/model_runner.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace moira::engine {
namespace {

using testing::ModelRunner;
using testing::RunnerOptions;
using testing::TempFolder;
using testing::TinyModel;
using testing::TinySpec;

class FfnBlockTest : public ::testing::Test {
 protected:
  std::unique_ptr<ModelRunner> Open(const TinyModel& model, const RunnerOptions& options) {
    return *ModelRunner::Open(folder_.Write("model.gguf", model.Writer().Bytes()), options);
  }

  TempFolder folder_;
};

RunnerOptions Bounded(prefetch::PrefetchMode prefetch) {
  return {.expert_cache = {cache::ExpertCacheBudget::Kind::kPercent, 0, 60}, .prefetch = prefetch};
}

// Blocks that add nothing to the residual stream leave the next gate input as predicted: most of
// what is copied ahead is then asked for.
TEST_F(FfnBlockTest, PredictionsComeFromTheNextBlocksNormAndRouter) {
  TinyModel model(TinySpec{.layers = 4, .quantized = true});
  for (uint32_t i = 0; i < 4; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    for (const char* part : {"attn_output.weight", "ffn_down_exps.weight"}) {
      std::fill_n(model.tensor(block + part).values.begin(),
                  model.tensor(block + part).values.size(), 0.0f);
    }
    // Gains so unlike that another block's norm would lead to other experts.
    std::vector<float>& gain = model.tensor(block + "ffn_norm.weight").values;
    for (size_t c = 0; c < gain.size(); ++c) gain[c] = (c + i) % 4 == 0 ? 2.0f : 0.05f;
  }
  std::unique_ptr<ModelRunner> runner = Open(model, Bounded(prefetch::PrefetchMode::kGate));
  for (int32_t token = 0; token < 60; ++token) runner->Run(0, {token});
  const prefetch::ProviderStats stats = runner->provider()->stats();
  EXPECT_GT(stats.speculative_issued, 0u);
  EXPECT_GT(2 * (stats.speculative_used + stats.speculative_late), stats.speculative_issued);
}

TEST_F(FfnBlockTest, NothingIsPredictedWhereNobodyAsks) {
  std::unique_ptr<ModelRunner> runner =
      Open(TinyModel(TinySpec{}), Bounded(prefetch::PrefetchMode::kOff));
  for (int32_t token = 0; token < 20; ++token) runner->Run(0, {token});
  EXPECT_EQ(runner->provider()->stats().speculative_issued, 0u);
}

TEST_F(FfnBlockTest, LongChunksPredictFromASample) {
  const TinyModel model(TinySpec{.quantized = true});
  std::unique_ptr<ModelRunner> runner = Open(model, Bounded(prefetch::PrefetchMode::kGate));
  std::vector<int32_t> tokens(kMaxPredictionTokens + 37);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i % 64);
  const ModelRunner::Logits bounded = runner->Run(0, tokens);
  EXPECT_EQ(bounded, Open(model, {})->Run(0, tokens));
}

TEST_F(FfnBlockTest, UsesAreCountedForEachTokenAndExpert) {
  const TinyModel model(TinySpec{});
  std::unique_ptr<ModelRunner> runner = Open(model, {});
  runner->Run(0, {1, 2, 3, 4, 5});
  EXPECT_EQ(runner->hits(), 5u * 3 * 2);
  EXPECT_EQ(runner->misses(), 0u);
  std::unique_ptr<ModelRunner> bounded = Open(model, Bounded(prefetch::PrefetchMode::kOff));
  bounded->Run(0, {1, 2, 3, 4, 5});
  EXPECT_EQ(bounded->hits() + bounded->misses(), 5u * 3 * 2);
  EXPECT_GT(bounded->misses(), 0u);
}

}  // namespace
}  // namespace moira::engine
