#include "server/api/completion_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using engine::FinishReason;

// The chunks of a stream, without "[DONE]".
std::vector<Json> Chunks(const std::string& body) {
  std::vector<Json> chunks;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find("\n\n", begin);
    const std::string event = body.substr(begin, end - begin);
    begin = end + 2;
    if (event.starts_with("data: {")) chunks.push_back(Json::parse(event.substr(6)));
  }
  return chunks;
}

void AnswerWith(std::string_view text, FinishReason reason, FakeStream::Shared& stream) {
  stream.PushText(text);
  engine::RequestTimings timings;
  timings.prompt_tokens = 9;
  timings.generated_tokens = static_cast<uint32_t>(text.size());
  stream.End(reason, timings);
}

class CompletionHandlerTest : public ::testing::Test {
 protected:
  explicit CompletionHandlerTest(std::string text = "hello",
                                 FinishReason reason = FinishReason::kStop)
      : engine_([text, reason, this](const engine::GenerateRequest&, FakeStream::Shared& stream) {
          if (answers_) AnswerWith(text, reason, stream);
        }) {}

  int Handle(Endpoint endpoint, const std::string& body) {
    Request request;
    request.body = body;
    return HandleCompletion(endpoint, request, context_, exchange_);
  }
  int Chat(const std::string& fields) {
    return Handle(Endpoint::kChat,
                  R"({"messages":[{"role":"user","content":"hi"}])" + fields + "}");
  }
  int Text(const std::string& fields) { return Handle(Endpoint::kCompletion, "{" + fields + "}"); }
  Json Body() const { return Json::parse(exchange_.answer.body); }

  bool answers_ = true;
  FakeEngine engine_;
  Metrics metrics_;
  Admission admission_{4, 8};
  ApiContext context_{
      engine_, metrics_, admission_, "fake", 4, true, std::chrono::milliseconds(60'000)};
  RecordingExchange exchange_;
};

TEST_F(CompletionHandlerTest, AnswersInOneBody) {
  EXPECT_EQ(Chat(""), 200);
  EXPECT_EQ(Body()["choices"][0]["message"]["content"], "hello");
  EXPECT_EQ(Body()["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(Body()["usage"]["prompt_tokens"], 9);
}

TEST_F(CompletionHandlerTest, AnswersAsAStream) {
  EXPECT_EQ(Chat(R"(,"stream":true,"stream_options":{"include_usage":true})"), 200);
  EXPECT_THAT(exchange_.answer.content_type, HasSubstr("text/event-stream"));
  EXPECT_TRUE(exchange_.ended);
  EXPECT_THAT(exchange_.answer.body, EndsWith("\n\ndata: [DONE]\n\n"));
  const std::vector<Json> chunks = Chunks(exchange_.answer.body);
  EXPECT_EQ(chunks.front()["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (const Json& chunk : chunks) {
    if (chunk["choices"].empty()) continue;
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(chunks[chunks.size() - 2]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(chunks.back()["usage"]["completion_tokens"], 5);
}

TEST_F(CompletionHandlerTest, AStopStringCancelsTheSequence) {
  EXPECT_EQ(Chat(R"(,"stop":"ll")"), 200);
  EXPECT_EQ(Body()["choices"][0]["message"]["content"], "he");
  EXPECT_EQ(Body()["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(engine_.stream(0)->cancelled);
}

TEST_F(CompletionHandlerTest, SeveralChoicesOfSeveralPrompts) {
  EXPECT_EQ(Text(R"("prompt":["a","b"],"n":2,"seed":5)"), 200);
  EXPECT_EQ(Body()["choices"].size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(Body()["choices"][i]["index"], i);
  EXPECT_EQ(Body()["usage"]["prompt_tokens"], 18);
  const auto requests = engine_.requests();
  std::vector<uint64_t> seeds;
  for (const auto& request : requests) seeds.push_back(*request.sampling.seed);
  std::sort(seeds.begin(), seeds.end());
  EXPECT_EQ(seeds, (std::vector<uint64_t>{5, 5, 6, 6}));
}

TEST_F(CompletionHandlerTest, EchoStandsBeforeTheText) {
  EXPECT_EQ(Text(R"("prompt":"say ","echo":true)"), 200);
  EXPECT_EQ(Body()["choices"][0]["text"], "say hello");
}

TEST_F(CompletionHandlerTest, EchoWithLogprobsAsksForThePrompts) {
  answers_ = false;
  std::thread engine([&] {
    auto stream = engine_.stream(0);
    engine::TokenStream::Event prompt;
    prompt.kind = engine::TokenStream::Event::Kind::kPrompt;
    prompt.prompt = {{'a', std::nullopt, {}}, {'b', -2.0f, {{'c', -1.0f}}}};
    stream->Push(prompt);
    AnswerWith("!", FinishReason::kLength, *stream);
  });
  EXPECT_EQ(Text(R"("prompt":[97,98],"echo":true,"logprobs":1,"max_tokens":1)"), 200);
  engine.join();
  EXPECT_EQ(engine_.requests()[0].prompt_logprobs, 1u);
  const Json choice = Body()["choices"][0];
  EXPECT_EQ(choice["text"], "ab!");
  EXPECT_EQ(choice["logprobs"]["tokens"], (Json{"a", "b", "!"}));
  EXPECT_TRUE(choice["logprobs"]["token_logprobs"][0].is_null());
  EXPECT_TRUE(choice["logprobs"]["top_logprobs"][0].is_null());
  EXPECT_EQ(choice["logprobs"]["token_logprobs"][1], -2.0);
  EXPECT_EQ(choice["logprobs"]["text_offset"], (Json{0, 1, 2}));
}

TEST_F(CompletionHandlerTest, LimitsTokensToTheRoomInTheContext) {
  EXPECT_EQ(Text(R"("prompt":[1,2,3],"max_tokens":1000)"), 200);
  EXPECT_EQ(engine_.requests()[0].max_tokens, 61u);
  EXPECT_EQ(Chat(""), 200);
  const auto chat = engine_.requests()[1];
  EXPECT_EQ(chat.max_tokens, 64 - chat.prompt.size());
}

TEST_F(CompletionHandlerTest, RefusesAPromptThatLeavesNoRoom) {
  const std::string long_text(64, 'x');
  EXPECT_EQ(Text("\"prompt\":\"" + long_text + "\""), 400);
  EXPECT_EQ(Body()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(Text(R"("prompt":[])"), 400);
  EXPECT_EQ(engine_.submissions(), 0u);
}

TEST_F(CompletionHandlerTest, RefusesOtherModelsAndBrokenBodies) {
  EXPECT_EQ(Chat(R"(,"model":"gpt-4o")"), 404);
  EXPECT_EQ(Body()["error"]["code"], "model_not_found");
  EXPECT_EQ(Chat(R"(,"model":"fake")"), 200);
  EXPECT_EQ(Chat(R"(,"model":"Fake Model")"), 200);
  EXPECT_EQ(Handle(Endpoint::kChat, "{"), 400);
  EXPECT_EQ(Body()["error"]["type"], "invalid_request_error");
}

TEST_F(CompletionHandlerTest, AFullQueueIs429) {
  engine_.RefuseAfter(0, ResourceExhausted("full"));
  EXPECT_EQ(Chat(R"(,"stream":true)"), 429);
  EXPECT_EQ(Body()["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(exchange_.answer.fields.front().first, "Retry-After");
}

TEST_F(CompletionHandlerTest, AnErrorInTheMiddleIsTheLastEvent) {
  answers_ = false;
  std::thread engine([&] {
    auto stream = engine_.stream(0);
    stream->PushText("he");
    stream->End(FinishReason::kError, {}, IoError("the disk is gone"));
  });
  EXPECT_EQ(Chat(R"(,"stream":true)"), 500);
  engine.join();
  EXPECT_EQ(Chunks(exchange_.answer.body).back()["error"]["message"], "the disk is gone");
  EXPECT_THAT(exchange_.answer.body, Not(HasSubstr("[DONE]")));
}

TEST_F(CompletionHandlerTest, ACancelByTheServerIsAnErrorEvent) {
  answers_ = false;
  std::thread engine([&] {
    (void)engine_.stream(0);
    engine_.Drain(std::chrono::milliseconds(0));
  });
  EXPECT_EQ(Chat(R"(,"stream":true)"), 503);
  engine.join();
  EXPECT_EQ(Chunks(exchange_.answer.body).back()["error"]["code"], "draining");
}

TEST_F(CompletionHandlerTest, AClientThatLeavesCancelsWithoutAnAnswer) {
  answers_ = false;
  std::thread client([&] {
    (void)engine_.stream(0);
    exchange_.cancellation().Cancel();
  });
  EXPECT_EQ(Chat(""), 499);
  client.join();
  EXPECT_TRUE(engine_.stream(0)->cancelled);
  EXPECT_EQ(exchange_.answer.body, "");
}

TEST_F(CompletionHandlerTest, AFailedWriteCancels) {
  exchange_.gone = true;
  EXPECT_EQ(Chat(R"(,"stream":true)"), 499);
  EXPECT_TRUE(engine_.stream(0)->cancelled);
}

TEST_F(CompletionHandlerTest, ASilentStreamIsKeptAwake) {
  answers_ = false;
  context_.ping_interval = std::chrono::milliseconds(1);
  bool answered = false;
  exchange_.on_piece = [&](std::string_view piece) {
    if (piece != ": ping\n\n") return;
    if (!std::exchange(answered, true)) {
      AnswerWith("x", FinishReason::kStop, *engine_.stream(0));
    }
  };
  EXPECT_EQ(Chat(R"(,"stream":true)"), 200);
  EXPECT_THAT(exchange_.answer.body, HasSubstr(": ping\n\n"));
}

TEST_F(CompletionHandlerTest, PrefixesAreOnlySharedWhereThatTellsNothing) {
  EXPECT_EQ(Chat(""), 200);
  EXPECT_TRUE(engine_.requests()[0].reuse_prefix);
  EXPECT_EQ(Chat(R"(,"cache_prompt":false)"), 200);
  EXPECT_FALSE(engine_.requests()[1].reuse_prefix);
  context_.shares_prefixes = false;
  EXPECT_EQ(Chat(""), 200);
  EXPECT_FALSE(engine_.requests()[2].reuse_prefix);
}

}  // namespace
}  // namespace moira::server
