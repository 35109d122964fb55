#include "engine/request_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace moira::engine {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr RequestLimits kLimits = {.vocabulary = 10, .context_size = 8, .in_flight = 2};

GenerateRequest Request(std::vector<TokenId> prompt, uint32_t max_tokens = 1) {
  GenerateRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  return request;
}

class RequestDeskTest : public ::testing::Test {
 protected:
  std::shared_ptr<WakeSignal> wake_ = std::make_shared<WakeSignal>();
  RequestDesk desk_{kLimits, wake_};
};

TEST(ValidateRequest, NamesWhatIsWrong) {
  const auto message = [](GenerateRequest request) {
    const Status status = ValidateRequest(kLimits, request);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_THAT(message(Request({})), HasSubstr("empty"));
  EXPECT_THAT(message(Request({1, 10})), HasSubstr("token 10"));
  EXPECT_THAT(message(Request({-1})), HasSubstr("token -1"));
  EXPECT_THAT(message(Request(std::vector<TokenId>(8, 1))), HasSubstr("8 tokens"));
  EXPECT_THAT(message(Request(std::vector<TokenId>(9, 1), 0)), HasSubstr("9 tokens"));
  auto request = Request({1});
  request.logprobs = 21;
  EXPECT_THAT(message(request), HasSubstr("logprobs is 21"));
  request = Request({1});
  request.prompt_logprobs = 21;
  EXPECT_THAT(message(request), HasSubstr("prompt_logprobs is 21"));
  request = Request({1});
  request.sampling.top_p = 2;
  EXPECT_THAT(message(request), HasSubstr("top_p"));
}

TEST(ValidateRequest, LowersMaxTokensToTheContext) {
  auto request = Request({1, 2, 3}, 1000);
  ASSERT_TRUE(ValidateRequest(kLimits, request).ok());
  EXPECT_EQ(request.max_tokens, 5u);
  auto full = Request(std::vector<TokenId>(8, 1), 0);
  EXPECT_TRUE(ValidateRequest(kLimits, full).ok());
}

TEST_F(RequestDeskTest, HandsRequestsOverAndWakesTheEngine) {
  auto stream = desk_.Submit(Request({1, 2}));
  ASSERT_TRUE(stream.ok());
  wake_->Wait();
  const auto taken = desk_.TakeNew();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0]->prompt_tokens(), 2u);
  EXPECT_TRUE(desk_.TakeNew().empty());
}

TEST_F(RequestDeskTest, RefusesWhenFullUntilARequestEnds) {
  const auto a = desk_.Submit(Request({1}));
  const auto b = desk_.Submit(Request({1}));
  EXPECT_EQ(desk_.Submit(Request({1})).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(desk_.refused(), 1u);
  auto taken = desk_.TakeNew();
  taken[0]->End(FinishReason::kStop, {});
  EXPECT_EQ(desk_.in_flight(), 1u);
  EXPECT_TRUE(desk_.Submit(Request({1})).ok());
  EXPECT_EQ(desk_.submitted(), 3u);
}

TEST_F(RequestDeskTest, RefusesWhenClosed) {
  desk_.Close();
  EXPECT_FALSE(desk_.cancelling());
  EXPECT_EQ(desk_.Submit(Request({1})).status().code(), StatusCode::kUnavailable);
}

TEST_F(RequestDeskTest, WaitsUntilTheLastRequestEnded) {
  EXPECT_TRUE(desk_.WaitUntilEmpty(steady_clock::now()));
  const auto stream = desk_.Submit(Request({1}));
  EXPECT_FALSE(desk_.WaitUntilEmpty(steady_clock::now()));
  auto taken = desk_.TakeNew();
  std::thread engine([&] { taken[0]->End(FinishReason::kStop, {}); });
  desk_.WaitUntilEmpty();
  EXPECT_EQ(desk_.in_flight(), 0u);
  engine.join();
}

TEST_F(RequestDeskTest, SequencesOutliveTheDesk) {
  auto desk = std::make_unique<RequestDesk>(kLimits, wake_);
  const auto stream = desk->Submit(Request({1}));
  auto taken = desk->TakeNew();
  desk.reset();
  taken.clear();
  EXPECT_EQ((*stream)->Pop(std::chrono::milliseconds(0)).kind, TokenStream::Event::Kind::kEnd);
}

}  // namespace
}  // namespace moira::engine
