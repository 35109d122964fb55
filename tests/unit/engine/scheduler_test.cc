#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "cache/device/host_device.h"
#include "tests/unit/engine/fake_executor.h"

namespace moira::engine {
namespace {

class SchedulerTest : public ::testing::Test {
 protected:
  void Start(SchedulerLimits limits, size_t pages) {
    pool_ = cache::KvPagePool::Create(*device_, FakeExecutor::kPageBytes, pages).value();
    budget_ = std::make_unique<KvBudget>(*pool_);
    scheduler_ = std::make_unique<Scheduler>(limits, *budget_);
  }

  Sequence* Enqueue(size_t prompt, uint32_t max_tokens, bool prompt_logprobs = false) {
    GenerateRequest request;
    request.prompt = FakePrompt(prompt, ++streams_);
    request.max_tokens = max_tokens;
    if (prompt_logprobs) request.prompt_logprobs = 0;
    auto channel = std::make_shared<StreamChannel>(std::make_shared<WakeSignal>());
    auto sequence = std::make_unique<Sequence>(request, 1, channel);
    Sequence* raw = sequence.get();
    scheduler_->Enqueue(std::move(sequence));
    return raw;
  }

  std::map<Sequence*, size_t> Plan() {
    std::map<Sequence*, size_t> tokens;
    for (const Scheduler::Share& share : scheduler_->PlanStep()) {
      EXPECT_GT(share.tokens, 0u);
      EXPECT_TRUE(tokens.emplace(share.sequence, share.tokens).second) << "listed twice";
    }
    return tokens;
  }

  // Does what the engine thread does with a planned step, without computing.
  void RunStep() {
    for (const auto& [sequence, tokens] : Plan()) {
      sequence->PrepareStep(tokens);
      const std::vector<float> rows(tokens * 2);
      ASSERT_TRUE(sequence->StepComputed(tokens, rows).ok());
      if (sequence->uncomputed() == 0) sequence->Emit(1, {});
    }
  }
  void Finish(Sequence* sequence) {
    EXPECT_EQ(scheduler_->Extract([&](const Sequence& s) { return &s == sequence; }).size(), 1u);
  }

  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
  std::unique_ptr<cache::KvPagePool> pool_;
  std::unique_ptr<KvBudget> budget_;
  std::unique_ptr<Scheduler> scheduler_;
  uint32_t streams_ = 0;
};

TEST_F(SchedulerTest, RunsAtMostParallelInTheirOrder) {
  Start({.parallel = 2, .prefill_tokens = 100}, 100);
  Sequence* a = Enqueue(5, 1);
  Sequence* b = Enqueue(5, 1);
  Sequence* c = Enqueue(5, 1);
  EXPECT_EQ(scheduler_->Admit().size(), 2u);
  EXPECT_EQ(scheduler_->waiting(), 1u);
  EXPECT_THAT(Plan(),
              ::testing::UnorderedElementsAre(::testing::Pair(a, 5), ::testing::Pair(b, 5)));
  Finish(a);
  const auto admitted = scheduler_->Admit();
  ASSERT_EQ(admitted.size(), 1u);
  EXPECT_EQ(admitted[0].get(), c);
}

TEST_F(SchedulerTest, NobodyOvertakesARequestThatWaitsForPages) {
  Start({.parallel = 4, .prefill_tokens = 100}, 4);
  Sequence* first = Enqueue(2 * kKvPageTokens, 32);  // 3 pages
  Sequence* large = Enqueue(kKvPageTokens, 1);       // 2 pages
  Sequence* small = Enqueue(1, 1);                   // 1 page, which is free
  scheduler_->Admit();
  EXPECT_EQ(scheduler_->running(), 1u);
  Finish(first);
  scheduler_->Admit();
  EXPECT_EQ(scheduler_->running(), 2u);
  EXPECT_THAT(Plan(), ::testing::UnorderedElementsAre(::testing::Pair(large, kKvPageTokens),
                                                      ::testing::Pair(small, 1)));
}

TEST_F(SchedulerTest, DividesPrefillEvenlyAndGivesTheRestToLongerPrompts) {
  Start({.parallel = 4, .prefill_tokens = 100}, 100);
  Sequence* longer = Enqueue(500, 1);
  Sequence* tiny = Enqueue(10, 1);
  Sequence* middle = Enqueue(40, 1);
  scheduler_->Admit();
  auto plan = Plan();
  EXPECT_EQ(plan[tiny], 10u);
  EXPECT_EQ(plan[middle], 40u);
  EXPECT_EQ(plan[longer], 50u);
}

TEST_F(SchedulerTest, DecodesEveryoneBesideAPrefill) {
  Start({.parallel = 3, .prefill_tokens = 16}, 100);
  Sequence* a = Enqueue(4, 100);
  Sequence* b = Enqueue(4, 100);
  scheduler_->Admit();
  RunStep();
  Sequence* late = Enqueue(100, 1);
  scheduler_->Admit();
  for (int i = 0; i < 3; ++i) {
    auto plan = Plan();
    EXPECT_EQ(plan[a], 1u);
    EXPECT_EQ(plan[b], 1u);
    EXPECT_EQ(plan[late], 16u);
    RunStep();
  }
}

TEST_F(SchedulerTest, SkipsASequenceWhoseConsumerIsSlow) {
  Start({.parallel = 2, .prefill_tokens = 16}, 100);
  Sequence* slow = Enqueue(4, 1000);
  scheduler_->Admit();
  RunStep();
  while (slow->stream().HasRoom()) RunStep();
  EXPECT_TRUE(Plan().empty());
  Sequence* other = Enqueue(3, 5);
  scheduler_->Admit();
  EXPECT_THAT(Plan(), ::testing::ElementsAre(::testing::Pair(other, 3)));
  slow->stream().Pop(std::chrono::milliseconds(0));
  EXPECT_EQ(Plan().size(), 2u);
}

TEST_F(SchedulerTest, BoundsTheTokensWhoseLogitsAreAllWanted) {
  Start({.parallel = 3, .prefill_tokens = 100, .prefill_tokens_all_logits = 10}, 100);
  Sequence* a = Enqueue(50, 0, true);
  Sequence* b = Enqueue(50, 0, true);
  Sequence* plain = Enqueue(200, 1);
  scheduler_->Admit();
  auto plan = Plan();
  EXPECT_EQ(plan[a] + plan[b], 10u);
  EXPECT_GT(plan[a], 0u);
  EXPECT_GT(plan[b], 0u);
  EXPECT_EQ(plan[plain], 90u);
}

TEST_F(SchedulerTest, ExtractsFromTheQueueToo) {
  Start({.parallel = 1, .prefill_tokens = 16}, 100);
  Enqueue(4, 1);
  Sequence* waiting = Enqueue(4, 1);
  scheduler_->Admit();
  Finish(waiting);
  EXPECT_EQ(scheduler_->waiting(), 0u);
  EXPECT_EQ(scheduler_->running(), 1u);
}

TEST_F(SchedulerTest, EveryRequestOfARandomLoadFinishesAndLimitsHold) {
  constexpr SchedulerLimits kLimits = {.parallel = 5, .prefill_tokens = 7};
  Start(kLimits, 24);
  std::mt19937 random(17);
  size_t finished = 0;
  constexpr size_t kRequests = 200;
  size_t submitted = 0;
  for (size_t steps = 0; finished < kRequests; ++steps) {
    ASSERT_LT(steps, 100000u) << "somebody starves";
    if (submitted < kRequests && random() % 3 == 0) {
      ++submitted;
      Enqueue(1 + random() % 100, random() % 60);
    }
    scheduler_->Admit();
    ASSERT_LE(scheduler_->running(), kLimits.parallel);
    size_t prefill = 0;
    for (const auto& [sequence, tokens] : Plan()) {
      if (sequence->in_prefill()) prefill += tokens;
    }
    ASSERT_LE(prefill, kLimits.prefill_tokens);
    RunStep();
    finished += scheduler_
                    ->Extract([](const Sequence& sequence) {
                      return sequence.generated_tokens() >= sequence.request().max_tokens &&
                             !sequence.in_prefill();
                    })
                    .size();
  }
  EXPECT_EQ(pool_->stats().in_use, 0u);
  EXPECT_EQ(budget_->unpromised(), 24u);
}

}  // namespace
}  // namespace moira::engine
