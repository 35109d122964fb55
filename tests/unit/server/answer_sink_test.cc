#include "server/api/answer_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AnswerSinkTest : public ::testing::Test {
 protected:
  CompletionRequest request_;
  ByteTokenizer tokenizer_;
  RecordingExchange exchange_;
};

TextDelta OnlyTokens() {
  TextDelta delta;
  delta.tokens.emplace_back();
  return delta;
}

TEST_F(AnswerSinkTest, AStreamLeavesOutDeltasThatShowNothing) {
  const AnswerFormat format(request_, tokenizer_, "m");
  const auto sink = MakeStreamSink(request_, format, exchange_);
  EXPECT_TRUE(sink->Begin(0, {}));
  const size_t before = exchange_.answer.body.size();
  EXPECT_TRUE(sink->Append(0, OnlyTokens()));
  EXPECT_EQ(exchange_.answer.body.size(), before);
}

TEST_F(AnswerSinkTest, AStreamShowsTokensThatWereAskedFor) {
  request_.return_token_ids = true;
  const AnswerFormat format(request_, tokenizer_, "m");
  const auto sink = MakeStreamSink(request_, format, exchange_);
  sink->Begin(0, {});
  const size_t before = exchange_.answer.body.size();
  sink->Append(0, OnlyTokens());
  EXPECT_GT(exchange_.answer.body.size(), before);
}

TEST_F(AnswerSinkTest, TimingsStandInTheLastChunkOfAStream) {
  const AnswerTotals totals;
  for (const bool usage : {false, true}) {
    request_.include_usage = usage;
    exchange_.answer = {};
    const AnswerFormat format(request_, tokenizer_, "m");
    const auto sink = MakeStreamSink(request_, format, exchange_);
    sink->Begin(0, {});
    sink->Finish(0, "stop", &totals);
    EXPECT_EQ(exchange_.answer.body.find("timings") != std::string::npos, !usage);
    EXPECT_EQ(sink->Complete(totals), 200);
    EXPECT_THAT(exchange_.answer.body, HasSubstr("timings"));
  }
}

TEST_F(AnswerSinkTest, AnErrorOfAWholeAnswerIsAnHttpError) {
  const AnswerFormat format(request_, tokenizer_, "m");
  const auto sink = MakeWholeSink(format, 1, exchange_);
  sink->Append(0, {"half", {}});
  EXPECT_EQ(sink->Fail(UnavailableError("draining", 1)), 503);
  EXPECT_EQ(exchange_.answer.status, 503);
  EXPECT_THAT(exchange_.answer.body, Not(HasSubstr("half")));
}

TEST_F(AnswerSinkTest, AWholeAnswerCollectsItsParts) {
  const AnswerFormat format(request_, tokenizer_, "m");
  const auto sink = MakeWholeSink(format, 2, exchange_);
  sink->Append(1, {"a", {}});
  sink->Append(0, {"x", {}});
  sink->Append(1, {"b", {}});
  sink->Finish(0, "stop", nullptr);
  sink->Finish(1, "length", nullptr);
  EXPECT_EQ(sink->Complete({}), 200);
  const auto body = nlohmann::json::parse(exchange_.answer.body);
  EXPECT_EQ(body["choices"][1]["message"]["content"], "ab");
  EXPECT_EQ(body["choices"][1]["finish_reason"], "length");
}

TEST_F(AnswerSinkTest, BothNoticeThatTheClientLeft) {
  const AnswerFormat format(request_, tokenizer_, "m");
  exchange_.gone = true;
  EXPECT_FALSE(MakeStreamSink(request_, format, exchange_)->Begin(0, {}));
  EXPECT_EQ(MakeWholeSink(format, 1, exchange_)->Complete({}), 499);
  exchange_.cancellation().Cancel();
  EXPECT_FALSE(MakeWholeSink(format, 1, exchange_)->KeepAlive());
}

}  // namespace
}  // namespace moira::server
