#include "engine/sequence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "cache/device/host_device.h"
#include "engine/logprobs.h"
#include "tests/unit/engine/fake_executor.h"

namespace moira::engine {
namespace {

using Kind = TokenStream::Event::Kind;

class SequenceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sequence> Make(GenerateRequest request) {
    channel_ = std::make_shared<StreamChannel>(std::make_shared<WakeSignal>());
    return std::make_unique<Sequence>(std::move(request), 1, channel_);
  }
  TokenStream::Event Pop() { return channel_->Pop(std::chrono::milliseconds(0)); }

  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  std::unique_ptr<cache::KvPagePool> pool_ =
      cache::KvPagePool::Create(*device_, FakeExecutor::kPageBytes, 8).value();
  KvBudget budget_{*pool_};
  std::shared_ptr<StreamChannel> channel_;
};

TEST_F(SequenceTest, GoesFromPrefillToDecode) {
  GenerateRequest request;
  request.prompt = {1, 2, 3};
  request.max_tokens = 2;
  auto sequence = Make(request);
  ASSERT_TRUE(sequence->Admit(budget_));
  EXPECT_TRUE(sequence->in_prefill());
  sequence->PrepareStep(3);
  ASSERT_TRUE(sequence->StepComputed(3, {}).ok());
  EXPECT_FALSE(sequence->in_prefill());
  EXPECT_EQ(sequence->uncomputed(), 0u);
  sequence->Emit(7, {});
  EXPECT_EQ(sequence->uncomputed(), 1u);
  EXPECT_EQ(sequence->generated_tokens(), 1u);
  EXPECT_EQ(sequence->tokens().back(), 7);
  EXPECT_EQ(Pop().token.token, 7);
}

TEST_F(SequenceTest, GathersPromptLogprobsOverChunks) {
  GenerateRequest request;
  request.prompt = {1, 2, 3, 4, 5};
  request.prompt_logprobs = 2;
  auto sequence = Make(request);
  ASSERT_TRUE(sequence->Admit(budget_));
  for (size_t chunk : {2u, 1u, 2u}) {
    EXPECT_EQ(Pop().kind, Kind::kTimeout);
    std::vector<float> rows;
    for (size_t i = 0; i < chunk; ++i) {
      const auto text = sequence->tokens().first(sequence->computed() + i + 1);
      const auto logits = FakeExecutor::Logits(text);
      rows.insert(rows.end(), logits.begin(), logits.end());
    }
    sequence->PrepareStep(chunk);
    ASSERT_TRUE(sequence->StepComputed(chunk, rows).ok());
  }
  const auto event = Pop();
  ASSERT_EQ(event.kind, Kind::kPrompt);
  ASSERT_EQ(event.prompt.size(), 5u);
  EXPECT_EQ(event.prompt[0].token, 1);
  EXPECT_FALSE(event.prompt[0].logprob.has_value());
  for (size_t i = 1; i < 5; ++i) {
    const auto expected =
        WithLogprob(request.prompt[i], FakeExecutor::Logits(std::span(request.prompt).first(i)), 2);
    EXPECT_EQ(event.prompt[i].token, request.prompt[i]);
    EXPECT_EQ(event.prompt[i].logprob, expected.logprob);
    EXPECT_EQ(event.prompt[i].alternatives.size(), 2u);
  }
}

TEST_F(SequenceTest, ASingleTokenPromptHasAPromptEvent) {
  GenerateRequest request;
  request.prompt = {4};
  request.prompt_logprobs = 0;
  auto sequence = Make(request);
  ASSERT_TRUE(sequence->Admit(budget_));
  sequence->PrepareStep(1);
  ASSERT_TRUE(sequence->StepComputed(1, FakeExecutor::Logits(request.prompt)).ok());
  EXPECT_EQ(Pop().prompt.size(), 1u);
}

TEST_F(SequenceTest, RefusesPromptLogitsThatAreNoNumbers) {
  GenerateRequest request;
  request.prompt = {1, 2};
  request.prompt_logprobs = 0;
  auto sequence = Make(request);
  ASSERT_TRUE(sequence->Admit(budget_));
  sequence->PrepareStep(2);
  const std::vector<float> rows(2 * FakeExecutor::kVocabulary, NAN);
  EXPECT_EQ(sequence->StepComputed(2, rows).code(), StatusCode::kInternal);
}

TEST_F(SequenceTest, ReusesPrefixesOnlyWhereLogitsAreNotNeededAndReuseIsWanted) {
  GenerateRequest request;
  request.prompt = FakePrompt(2 * kKvPageTokens + 1, 1);
  {
    auto first = Make(request);
    ASSERT_TRUE(first->Admit(budget_));
    first->PrepareStep(request.prompt.size());
    ASSERT_TRUE(first->StepComputed(request.prompt.size(), {}).ok());
    first->SharePages();
  }
  auto again = Make(request);
  ASSERT_TRUE(again->Admit(budget_));
  EXPECT_EQ(again->cached_tokens(), 2 * kKvPageTokens);
  again.reset();

  GenerateRequest with_logprobs = request;
  with_logprobs.prompt_logprobs = 0;
  auto logprobs = Make(with_logprobs);
  ASSERT_TRUE(logprobs->Admit(budget_));
  EXPECT_EQ(logprobs->cached_tokens(), 0u);
  logprobs.reset();

  request.reuse_prefix = false;
  auto unwilling = Make(request);
  ASSERT_TRUE(unwilling->Admit(budget_));
  EXPECT_EQ(unwilling->cached_tokens(), 0u);
}

TEST_F(SequenceTest, EndCarriesCountsAndFreesThePlaceFirst) {
  GenerateRequest request;
  request.prompt = {1, 2, 3};
  request.max_tokens = 4;
  auto sequence = Make(request);
  bool freed = false;
  sequence->Hold(std::shared_ptr<void>(nullptr, [&](void*) {
    freed = true;
    EXPECT_EQ(Pop().kind, Kind::kToken);  // no end yet
  }));
  ASSERT_TRUE(sequence->Admit(budget_));
  sequence->PrepareStep(3);
  ASSERT_TRUE(sequence->StepComputed(3, {}).ok());
  sequence->Emit(5, {});
  sequence->AddExpertUse(10, 2);
  sequence->AddExpertUse(1, 1);
  sequence->End(FinishReason::kStop, {});
  EXPECT_TRUE(freed);
  const auto end = Pop();
  ASSERT_EQ(end.kind, Kind::kEnd);
  EXPECT_EQ(end.timings.prompt_tokens, 3u);
  EXPECT_EQ(end.timings.generated_tokens, 1u);
  EXPECT_EQ(end.timings.expert_hits, 11u);
  EXPECT_EQ(end.timings.expert_misses, 3u);
  EXPECT_GE(end.timings.queue_seconds, 0);
}

TEST_F(SequenceTest, ADroppedSequenceStillEndsItsStream) {
  GenerateRequest request;
  request.prompt = {1};
  Make(request).reset();
  const auto end = Pop();
  ASSERT_EQ(end.kind, Kind::kEnd);
  EXPECT_EQ(end.reason, FinishReason::kError);
}

}  // namespace
}  // namespace moira::engine
