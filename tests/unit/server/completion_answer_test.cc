#include "server/api/completion_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using Json = nlohmann::json;

TextDelta Delta(const std::string& text) {
  TextDelta delta{text, {}};
  for (size_t i = 0; i < text.size(); ++i) {
    PlacedToken placed;
    placed.token = {static_cast<unsigned char>(text[i]), -0.5f, {{'x', -0.1f}, {'y', -3.0f}}};
    placed.bytes = text[i];
    placed.text_offset = i;
    delta.tokens.push_back(placed);
  }
  return delta;
}

AnswerTotals Totals() {
  AnswerTotals totals;
  engine::RequestTimings timings;
  timings.prompt_tokens = 10;
  timings.cached_tokens = 4;
  timings.generated_tokens = 5;
  timings.prefill_seconds = 2;
  timings.decode_seconds = 1;
  timings.expert_hits = 7;
  totals.Add(timings, true);
  return totals;
}

class AnswerFormatTest : public ::testing::Test {
 protected:
  AnswerFormat Format() { return AnswerFormat(request_, tokenizer_, "m"); }

  CompletionRequest request_;
  ByteTokenizer tokenizer_;
};

TEST_F(AnswerFormatTest, ChatChunksAsClientsReadThem) {
  const AnswerFormat format = Format();
  const Json first = Json::parse(format.FirstChunk(1, {}));
  EXPECT_EQ(first["object"], "chat.completion.chunk");
  EXPECT_EQ(first["id"], format.id());
  EXPECT_EQ(first["model"], "m");
  EXPECT_TRUE(first["created"].is_number_integer());
  EXPECT_EQ(first["choices"][0]["index"], 1);
  EXPECT_EQ(first["choices"][0]["delta"], (Json{{"role", "assistant"}, {"content", ""}}));
  EXPECT_TRUE(first["choices"][0]["finish_reason"].is_null());
  EXPECT_FALSE(first.contains("usage"));

  const Json delta = Json::parse(format.DeltaChunk(0, Delta("hi")));
  EXPECT_EQ(delta["choices"][0]["delta"], (Json{{"content", "hi"}}));
  EXPECT_TRUE(delta["choices"][0]["logprobs"].is_null());

  const AnswerTotals totals = Totals();
  const Json last = Json::parse(format.FinishChunk(0, "stop", &totals));
  EXPECT_EQ(last["choices"][0]["delta"], Json::object());
  EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(last["timings"]["predicted_n"], 5);
}

TEST_F(AnswerFormatTest, TheUsageChunkHasNoChoicesAndTheOthersNullUsage) {
  request_.include_usage = true;
  const AnswerFormat format = Format();
  EXPECT_TRUE(Json::parse(format.DeltaChunk(0, Delta("a")))["usage"].is_null());
  const Json usage = Json::parse(format.UsageChunk(Totals()));
  EXPECT_EQ(usage["choices"], Json::array());
  EXPECT_EQ(usage["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(usage["usage"]["completion_tokens"], 5);
  EXPECT_EQ(usage["usage"]["total_tokens"], 15);
  EXPECT_EQ(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
}

TEST_F(AnswerFormatTest, TimingsCountWhatWasComputed) {
  const Json answer = Json::parse(Format().Whole({}, Totals()));
  EXPECT_EQ(answer["timings"]["prompt_n"], 6);
  EXPECT_EQ(answer["timings"]["cache_n"], 4);
  EXPECT_EQ(answer["timings"]["prompt_per_second"], 3.0);
  // Five tokens are four steps from one to the next.
  EXPECT_EQ(answer["timings"]["predicted_per_second"], 4.0);
  EXPECT_EQ(answer["timings"]["expert_hits"], 7);
}

TEST_F(AnswerFormatTest, ChatLogprobsHaveBytesAndAlternatives) {
  request_.wants_logprobs = true;
  request_.logprob_count = 1;
  const Json chunk = Json::parse(Format().DeltaChunk(0, Delta("h")));
  const Json& entry = chunk["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(entry["token"], "h");
  EXPECT_EQ(entry["logprob"], -0.5);
  EXPECT_EQ(entry["bytes"], Json::array({104}));
  ASSERT_EQ(entry["top_logprobs"].size(), 1u);
  EXPECT_EQ(entry["top_logprobs"][0]["token"], "x");
}

TEST_F(AnswerFormatTest, CompletionLogprobsAreColumns) {
  request_.endpoint = Endpoint::kCompletion;
  request_.wants_logprobs = true;
  request_.logprob_count = 1;
  const Json chunk = Json::parse(Format().DeltaChunk(0, Delta("hi")));
  EXPECT_EQ(chunk["object"], "text_completion");
  EXPECT_EQ(chunk["choices"][0]["text"], "hi");
  const Json& logprobs = chunk["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], (Json{"h", "i"}));
  EXPECT_EQ(logprobs["text_offset"], (Json{0, 1}));
  EXPECT_EQ(logprobs["token_logprobs"][0], -0.5);
  // The alternatives asked for, and the token that was taken.
  EXPECT_EQ(logprobs["top_logprobs"][0].size(), 2u);
  EXPECT_TRUE(logprobs["top_logprobs"][0].contains("h"));
}

TEST_F(AnswerFormatTest, TokensThatAreNoTextAreSpelledInBytes) {
  request_.endpoint = Endpoint::kCompletion;
  request_.wants_logprobs = true;
  TextDelta delta = Delta("\xE2");
  delta.text.clear();
  const Json chunk = Json::parse(Format().DeltaChunk(0, delta));
  EXPECT_EQ(chunk["choices"][0]["logprobs"]["tokens"][0], "bytes:\\xe2");
  request_.return_tokens_as_token_ids = true;
  const Json ids = Json::parse(Format().DeltaChunk(0, delta));
  EXPECT_EQ(ids["choices"][0]["logprobs"]["tokens"][0], "token_id:226");
}

TEST_F(AnswerFormatTest, TokenIdsOnRequest) {
  request_.return_token_ids = true;
  const std::vector<engine::TokenId> prompt = {1, 2};
  EXPECT_EQ(Json::parse(Format().FirstChunk(0, prompt))["prompt_token_ids"], (Json{1, 2}));
  EXPECT_EQ(Json::parse(Format().DeltaChunk(0, Delta("h")))["choices"][0]["token_ids"],
            (Json::array({104})));
  request_.endpoint = Endpoint::kCompletion;
  EXPECT_EQ(Json::parse(Format().FirstChunk(0, prompt))["choices"][0]["prompt_token_ids"],
            (Json{1, 2}));
}

TEST_F(AnswerFormatTest, AWholeAnswerHasItsChoicesInOrder) {
  const std::vector<ChoiceAnswer> choices = {{Delta("one"), "stop", {}},
                                             {Delta("two"), "length", {}}};
  const Json answer = Json::parse(Format().Whole(choices, Totals()));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["choices"][1]["index"], 1);
  EXPECT_EQ(answer["choices"][1]["message"]["content"], "two");
  EXPECT_EQ(answer["choices"][1]["message"]["role"], "assistant");
  EXPECT_EQ(answer["choices"][1]["finish_reason"], "length");
  EXPECT_TRUE(answer["choices"][0]["logprobs"].is_null());
}

TEST(AnswerTotals, APromptCountsOnceForAllItsChoices) {
  AnswerTotals totals = Totals();
  engine::RequestTimings second;
  second.prompt_tokens = 10;
  second.cached_tokens = 10;
  second.generated_tokens = 3;
  second.decode_seconds = 0.5;
  totals.Add(second, false);
  EXPECT_EQ(totals.prompt_tokens, 10u);
  EXPECT_EQ(totals.cached_tokens, 4u);
  EXPECT_EQ(totals.generated_tokens, 8u);
  EXPECT_EQ(totals.decode_seconds, 1);
  EXPECT_EQ(totals.decode_intervals, 6u);
}

TEST(RandomId, IsNewEachTime) {
  EXPECT_EQ(RandomId().size(), 24u);
  EXPECT_NE(RandomId(), RandomId());
}

}  // namespace
}  // namespace moira::server
