#include "engine/token_stream.h"

#include <gtest/gtest.h>

#include <thread>

namespace moira::engine {
namespace {

using std::chrono::milliseconds;
using Kind = TokenStream::Event::Kind;

class TokenStreamTest : public ::testing::Test {
 protected:
  void Push(TokenId token) { channel_->PushToken({token, std::nullopt, {}}); }

  std::shared_ptr<WakeSignal> wake_ = std::make_shared<WakeSignal>();
  std::shared_ptr<StreamChannel> channel_ = std::make_shared<StreamChannel>(wake_);
  std::unique_ptr<TokenStream> stream_ = MakeTokenStream(channel_);
};

TEST_F(TokenStreamTest, GivesPromptTokensAndEndInOrder) {
  Push(1);
  channel_->PushPrompt({{9, std::nullopt, {}}});
  Push(2);
  RequestTimings timings;
  timings.generated_tokens = 2;
  channel_->PushEnd(FinishReason::kStop, {}, timings);

  const auto prompt = stream_->Pop(milliseconds(0));
  ASSERT_EQ(prompt.kind, Kind::kPrompt);
  EXPECT_EQ(prompt.prompt.at(0).token, 9);
  EXPECT_EQ(stream_->Pop(milliseconds(0)).token.token, 1);
  EXPECT_EQ(stream_->Pop(milliseconds(0)).token.token, 2);
  for (int i = 0; i < 2; ++i) {  // the end stays
    const auto end = stream_->Pop(milliseconds(0));
    ASSERT_EQ(end.kind, Kind::kEnd);
    EXPECT_EQ(end.reason, FinishReason::kStop);
    EXPECT_EQ(end.timings.generated_tokens, 2u);
  }
}

TEST_F(TokenStreamTest, TimesOutWhenNothingComes) {
  EXPECT_EQ(stream_->Pop(milliseconds(0)).kind, Kind::kTimeout);
  EXPECT_EQ(stream_->Pop(milliseconds(1)).kind, Kind::kTimeout);
}

TEST_F(TokenStreamTest, TheFirstEndCounts) {
  channel_->PushEnd(FinishReason::kError, IoError("disk"), {});
  channel_->PushEnd(FinishReason::kStop, {}, {});
  const auto end = stream_->Pop(milliseconds(0));
  EXPECT_EQ(end.reason, FinishReason::kError);
  EXPECT_EQ(end.status.code(), StatusCode::kIoError);
}

TEST_F(TokenStreamTest, IsBoundedAndWakesTheProducerWhenThereIsRoomAgain) {
  for (size_t i = 0; i < TokenStream::kCapacity; ++i) {
    EXPECT_TRUE(channel_->HasRoom());
    Push(static_cast<TokenId>(i));
  }
  EXPECT_FALSE(channel_->HasRoom());
  EXPECT_EQ(stream_->Pop(milliseconds(0)).token.token, 0);
  wake_->Wait();  // would hang if the producer had not been notified
  EXPECT_TRUE(channel_->HasRoom());
}

TEST_F(TokenStreamTest, CancelAndDestructionReachTheProducer) {
  EXPECT_FALSE(channel_->cancelled());
  stream_->Cancel();
  EXPECT_TRUE(channel_->cancelled());
  wake_->Wait();

  auto other = std::make_shared<StreamChannel>(wake_);
  MakeTokenStream(other).reset();
  EXPECT_TRUE(other->cancelled());
  wake_->Wait();
}

TEST_F(TokenStreamTest, PassesManyTokensBetweenThreads) {
  constexpr TokenId kTokens = 20000;
  std::thread producer([&] {
    for (TokenId token = 0; token < kTokens; ++token) {
      while (!channel_->HasRoom()) wake_->Wait();
      Push(token);
    }
    channel_->PushEnd(FinishReason::kLength, {}, {});
  });
  TokenId expected = 0;
  while (true) {
    const auto event = stream_->Pop(std::chrono::minutes(5));
    if (event.kind == Kind::kEnd) break;
    ASSERT_EQ(event.kind, Kind::kToken);
    ASSERT_EQ(event.token.token, expected++);
  }
  EXPECT_EQ(expected, kTokens);
  producer.join();
}

TEST_F(TokenStreamTest, WaitsThatNoClockCanExpressAreFine) {
  channel_->PushEnd(FinishReason::kStop, {}, {});
  EXPECT_EQ(stream_->Pop(milliseconds::max()).kind, Kind::kEnd);
}

}  // namespace
}  // namespace moira::engine
