#include "engine/step_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <thread>

#include "cache/device/host_device.h"
#include "engine/logprobs.h"
#include "tests/unit/engine/fake_executor.h"

namespace moira::engine {
namespace {

using Kind = TokenStream::Event::Kind;

struct Answer {
  std::vector<TokenId> tokens;
  std::vector<GeneratedToken> prompt;
  FinishReason reason;
  Status status;
  RequestTimings timings;
};

Answer Collect(TokenStream& stream) {
  Answer answer;
  while (true) {
    auto event = stream.Pop(std::chrono::minutes(5));
    if (event.kind == Kind::kPrompt) answer.prompt = std::move(event.prompt);
    if (event.kind == Kind::kToken) answer.tokens.push_back(event.token.token);
    if (event.kind != Kind::kEnd) continue;
    answer.reason = event.reason;
    answer.status = event.status;
    answer.timings = event.timings;
    return answer;
  }
}

GenerateRequest GreedyRequest(std::vector<TokenId> prompt, uint32_t max_tokens) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  return request;
}

// Runs the loop over a fake model. The executor's hook may hold the engine thread back until a test
// has put its requests in.
class StepLoopTest : public ::testing::Test {
 protected:
  void Start(SchedulerLimits limits, size_t pages = 64, std::set<TokenId> ends = {}) {
    pool_ = cache::KvPagePool::Create(*device_, FakeExecutor::kPageBytes, pages).value();
    executor_ = std::make_unique<FakeExecutor>(*pool_);
    tokenizer_ = std::make_unique<FakeTokenizer>(std::move(ends));
    desk_ =
        std::make_unique<RequestDesk>(RequestLimits{FakeExecutor::kVocabulary, 1000, 1000}, wake_);
    loop_ = std::make_unique<StepLoop>(limits, *executor_, *pool_, *tokenizer_, *desk_, *wake_);
  }
  void RunLoop() {
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void StopLoop() {
    desk_->CancelAll();
    thread_.join();
  }
  ~StepLoopTest() override {
    if (thread_.joinable()) StopLoop();
  }

  std::unique_ptr<TokenStream> Submit(GenerateRequest request) {
    auto stream = desk_->Submit(std::move(request));
    EXPECT_TRUE(stream.ok()) << stream.status().message();
    return std::move(stream).value();
  }

  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  std::shared_ptr<WakeSignal> wake_ = std::make_shared<WakeSignal>();
  std::unique_ptr<cache::KvPagePool> pool_;
  std::unique_ptr<FakeExecutor> executor_;
  std::unique_ptr<FakeTokenizer> tokenizer_;
  std::unique_ptr<RequestDesk> desk_;
  std::unique_ptr<StepLoop> loop_;
  std::thread thread_;
};

TEST_F(StepLoopTest, WritesWhatTheModelSaysAloneAndInABatch) {
  Start({.parallel = 8, .prefill_tokens = 24});
  std::vector<std::unique_ptr<TokenStream>> streams;
  std::vector<std::vector<TokenId>> prompts;
  for (uint32_t i = 0; i < 20; ++i) {
    prompts.push_back(FakePrompt(1 + i * 9, i));
    streams.push_back(Submit(GreedyRequest(prompts.back(), 10 + i)));
  }
  RunLoop();
  for (uint32_t i = 0; i < 20; ++i) {
    const Answer answer = Collect(*streams[i]);
    EXPECT_EQ(answer.reason, FinishReason::kLength);
    EXPECT_EQ(answer.tokens, FakeExecutor::Greedy(prompts[i], 10 + i)) << i;
    EXPECT_EQ(answer.timings.generated_tokens, 10 + i);
    EXPECT_EQ(answer.timings.prompt_tokens, prompts[i].size());
  }
  StopLoop();
  EXPECT_EQ(executor_->largest_step, 8u);
  EXPECT_LE(executor_->largest_step_tokens, 8u + 24u);
  EXPECT_EQ(pool_->stats().in_use, 0u);
}

TEST_F(StepLoopTest, SamplesTheSameWhateverElseRuns) {
  GenerateRequest request = GreedyRequest(FakePrompt(20, 1), 30);
  request.sampling.temperature = 1;
  request.sampling.seed = 7;
  std::vector<TokenId> alone;
  for (int round = 0; round < 2; ++round) {
    Start({.parallel = 4, .prefill_tokens = 16});
    auto stream = Submit(request);
    std::vector<std::unique_ptr<TokenStream>> others;
    for (int i = 0; i < 3 * round; ++i) {
      others.push_back(Submit(GreedyRequest(FakePrompt(30, 50), 40)));
    }
    RunLoop();
    const Answer answer = Collect(*stream);
    StopLoop();
    if (round == 0) alone = answer.tokens;
    EXPECT_EQ(answer.tokens, alone);
  }
}

TEST_F(StepLoopTest, ReusesPrefixesWithoutChangingTheText) {
  Start({.parallel = 2, .prefill_tokens = 64});
  RunLoop();
  auto prompt = FakePrompt(3 * kKvPageTokens + 3, 1);
  const Answer first = Collect(*Submit(GreedyRequest(prompt, 40)));
  EXPECT_EQ(first.timings.cached_tokens, 0u);

  // The conversation goes on: the prompt and the answer are found, but for the last partial page.
  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  prompt.push_back(9);
  const Answer second = Collect(*Submit(GreedyRequest(prompt, 20)));
  EXPECT_EQ(second.timings.cached_tokens, 4 * kKvPageTokens);
  EXPECT_EQ(second.tokens, FakeExecutor::Greedy(prompt, 20));

  auto fresh = GreedyRequest(prompt, 20);
  fresh.reuse_prefix = false;
  const Answer third = Collect(*Submit(fresh));
  EXPECT_EQ(third.timings.cached_tokens, 0u);
  EXPECT_EQ(third.tokens, second.tokens);
  StopLoop();
  EXPECT_EQ(loop_->stats().cached_prompt_tokens, 4 * kKvPageTokens);
  EXPECT_EQ(loop_->stats().kv_prefix_hits, 4u);
}

TEST_F(StepLoopTest, RandomConversationsInASmallPoolStayRight) {
  Start({.parallel = 4, .prefill_tokens = 48}, 4 * KvPagesFor(250));
  RunLoop();
  std::mt19937 random(23);
  std::vector<std::vector<TokenId>> texts;
  for (uint32_t i = 0; i < 6; ++i) texts.push_back(FakePrompt(40 + 10 * i, i % 3));
  for (int round = 0; round < 40; ++round) {
    std::vector<std::pair<size_t, std::unique_ptr<TokenStream>>> streams;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (random() % 2 == 0) continue;
      streams.emplace_back(i, Submit(GreedyRequest(texts[i], 20)));
    }
    for (auto& [i, stream] : streams) {
      const Answer answer = Collect(*stream);
      ASSERT_EQ(answer.tokens, FakeExecutor::Greedy(texts[i], 20));
      texts[i].insert(texts[i].end(), answer.tokens.begin(), answer.tokens.begin() + 12);
      if (texts[i].size() > 220) texts[i].resize(30 + random() % 60);
    }
  }
  StopLoop();
  EXPECT_GT(loop_->stats().kv_prefix_hits, 10u);
  EXPECT_GT(pool_->stats().evictions, 10u);
}

TEST_F(StepLoopTest, StopsAtAnEndTokenUnlessToldOtherwise) {
  const auto prompt = FakePrompt(5, 3);
  const auto expected = FakeExecutor::Greedy(prompt, 8);
  Start({.parallel = 2, .prefill_tokens = 64}, 64, {expected[4]});
  RunLoop();
  size_t first_end = 0;
  while (expected[first_end] != expected[4]) ++first_end;
  const Answer stopped = Collect(*Submit(GreedyRequest(prompt, 8)));
  EXPECT_EQ(stopped.reason, FinishReason::kStop);
  EXPECT_EQ(stopped.tokens.size(), first_end);

  auto request = GreedyRequest(prompt, 8);
  request.ignore_end = true;
  const Answer ignored = Collect(*Submit(request));
  EXPECT_EQ(ignored.reason, FinishReason::kLength);
  EXPECT_EQ(ignored.tokens, expected);
}

TEST_F(StepLoopTest, GivesLogprobsOfPromptAndAnswer) {
  Start({.parallel = 2, .prefill_tokens = 64, .prefill_tokens_all_logits = 5});
  auto request = GreedyRequest(FakePrompt(23, 2), 3);
  request.prompt_logprobs = 0;
  request.logprobs = 4;
  auto stream = Submit(request);
  RunLoop();
  auto event = stream->Pop(std::chrono::minutes(5));
  ASSERT_EQ(event.kind, Kind::kPrompt);
  ASSERT_EQ(event.prompt.size(), 23u);
  for (size_t i = 1; i < 23; ++i) {
    const auto logits = FakeExecutor::Logits(std::span(request.prompt).first(i));
    EXPECT_EQ(event.prompt[i].logprob, WithLogprob(request.prompt[i], logits, 0).logprob);
    EXPECT_TRUE(event.prompt[i].alternatives.empty());
  }
  event = stream->Pop(std::chrono::minutes(5));
  ASSERT_EQ(event.kind, Kind::kToken);
  const auto expected = WithLogprob(event.token.token, FakeExecutor::Logits(request.prompt), 4);
  EXPECT_EQ(event.token.logprob, expected.logprob);
  ASSERT_EQ(event.token.alternatives.size(), 4u);
  EXPECT_EQ(event.token.alternatives[0].token, event.token.token);
}

TEST_F(StepLoopTest, GeneratesNothingWhenNothingIsAskedFor) {
  Start({.parallel = 2, .prefill_tokens = 64});
  RunLoop();
  const Answer answer = Collect(*Submit(GreedyRequest(FakePrompt(40, 2), 0)));
  EXPECT_EQ(answer.reason, FinishReason::kLength);
  EXPECT_TRUE(answer.tokens.empty());
}

TEST_F(StepLoopTest, AFailureEndsOnlyItsSequenceAndIsNotReused) {
  Start({.parallel = 4, .prefill_tokens = 256});
  const auto bad = FakePrompt(2 * kKvPageTokens + 5, 1);
  const auto good = FakePrompt(70, 2);
  std::atomic<int> failures = 1;
  executor_->on_step = [&](std::span<StepSequence> step) {
    for (StepSequence& sequence : step) {
      if (sequence.first_position == 0 && sequence.tokens[0] == bad[0] && failures-- > 0) {
        sequence.status = IoError("expert (1, 2): read failed");
      }
    }
  };
  auto failing = Submit(GreedyRequest(bad, 10));
  auto working = Submit(GreedyRequest(good, 10));
  RunLoop();
  const Answer failed = Collect(*failing);
  EXPECT_EQ(failed.reason, FinishReason::kError);
  EXPECT_EQ(failed.status.code(), StatusCode::kIoError);
  EXPECT_EQ(Collect(*working).tokens, FakeExecutor::Greedy(good, 10));

  const Answer again = Collect(*Submit(GreedyRequest(bad, 10)));
  EXPECT_EQ(again.timings.cached_tokens, 0u);
  EXPECT_EQ(again.tokens, FakeExecutor::Greedy(bad, 10));
  StopLoop();
  EXPECT_EQ(loop_->stats().requests_failed, 1u);
  EXPECT_EQ(loop_->stats().requests_finished, 2u);
}

TEST_F(StepLoopTest, AnExceptionEndsTheRequestsAndTheLoopGoesOn) {
  Start({.parallel = 4, .prefill_tokens = 256});
  bool thrown = false;
  executor_->on_step = [&](std::span<StepSequence>) {
    if (!std::exchange(thrown, true)) throw std::bad_alloc();
  };
  auto failing = Submit(GreedyRequest({1, 2, 3}, 10));
  RunLoop();
  EXPECT_EQ(Collect(*failing).status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Collect(*Submit(GreedyRequest({1, 2, 3}, 10))).tokens,
            FakeExecutor::Greedy({1, 2, 3}, 10));
}

TEST_F(StepLoopTest, CancelsWhileQueuedInPrefillAndInDecode) {
  Start({.parallel = 1, .prefill_tokens = 8});
  TokenStream* decoding = nullptr;
  TokenStream* prefilling = nullptr;
  executor_->on_step = [&](std::span<StepSequence> step) {
    const bool prefill = step[0].tokens.size() > 1;
    if (!prefill && decoding != nullptr) std::exchange(decoding, nullptr)->Cancel();
    if (prefill && decoding == nullptr && step[0].first_position > 8) prefilling->Cancel();
  };
  auto first = Submit(GreedyRequest(FakePrompt(4, 1), 900));
  auto second = Submit(GreedyRequest(FakePrompt(400, 2), 10));
  auto queued = Submit(GreedyRequest(FakePrompt(4, 3), 900));
  auto last = Submit(GreedyRequest(FakePrompt(4, 4), 5));
  decoding = first.get();
  prefilling = second.get();
  queued->Cancel();
  RunLoop();
  EXPECT_EQ(Collect(*first).reason, FinishReason::kCancelled);
  EXPECT_EQ(Collect(*second).reason, FinishReason::kCancelled);
  EXPECT_EQ(Collect(*queued).reason, FinishReason::kCancelled);
  EXPECT_EQ(Collect(*last).reason, FinishReason::kLength);
  StopLoop();
  EXPECT_LT(executor_->computed_tokens, 60u);
  EXPECT_EQ(loop_->stats().requests_cancelled, 3u);
  EXPECT_EQ(pool_->stats().in_use, 0u);
}

TEST_F(StepLoopTest, ASlowConsumerPausesOnlyItself) {
  Start({.parallel = 2, .prefill_tokens = 64});
  auto slow = Submit(GreedyRequest(FakePrompt(5, 1), 700));
  auto quick = Submit(GreedyRequest(FakePrompt(5, 2), 800));
  RunLoop();
  EXPECT_EQ(Collect(*quick).tokens.size(), 800u);
  const Answer answer = Collect(*slow);
  EXPECT_EQ(answer.tokens, FakeExecutor::Greedy(FakePrompt(5, 1), 700));
}

TEST_F(StepLoopTest, CancelAllEndsEverything) {
  Start({.parallel = 1, .prefill_tokens = 64});
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (uint32_t i = 0; i < 5; ++i) streams.push_back(Submit(GreedyRequest(FakePrompt(5, i), 900)));
  RunLoop();
  EXPECT_EQ(streams[0]->Pop(std::chrono::minutes(5)).kind, Kind::kToken);
  StopLoop();
  for (auto& stream : streams) EXPECT_EQ(Collect(*stream).reason, FinishReason::kCancelled);
  EXPECT_EQ(desk_->in_flight(), 0u);
}

TEST_F(StepLoopTest, CountsWhatItDid) {
  Start({.parallel = 1, .prefill_tokens = 16});
  RunLoop();
  const Answer answer = Collect(*Submit(GreedyRequest(FakePrompt(40, 1), 5)));
  StopLoop();
  const EngineStats stats = loop_->stats();
  EXPECT_EQ(stats.prompt_tokens, 40u);
  EXPECT_EQ(stats.generated_tokens, 5u);
  EXPECT_EQ(stats.steps, 7u);  // three of the prompt, the last of which gives the first token
  EXPECT_EQ(stats.dense_bytes_read, 7000u);
  EXPECT_EQ(stats.kv_pages, 64u);
  EXPECT_EQ(answer.timings.expert_hits, 44u);
  EXPECT_EQ(answer.timings.expert_misses, 7u);
}

}  // namespace
}  // namespace moira::engine
