#include "server/api/completion_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const SchemaContext kContext{.sampling_defaults = {}, .vocabulary = 100};

std::string Body(Endpoint endpoint, const std::string& fields) {
  const std::string base = endpoint == Endpoint::kChat
                               ? R"("messages":[{"role":"user","content":"hi"}])"
                               : R"("prompt":"hi")";
  return "{" + base + (fields.empty() ? "" : "," + fields) + "}";
}

std::optional<ApiError> Read(Endpoint endpoint, const std::string& json,
                             CompletionRequest* request) {
  const Result<TemplateValue> value = ParseJson(json);
  if (!value.ok()) return TransportError(400, value.status().message());
  return ReadCompletionRequest(endpoint, *value, kContext, request);
}

CompletionRequest Accepted(Endpoint endpoint, const std::string& fields) {
  CompletionRequest request;
  const auto error = Read(endpoint, Body(endpoint, fields), &request);
  EXPECT_FALSE(error.has_value()) << fields << ": " << error->message;
  return request;
}

ApiError Refused(Endpoint endpoint, const std::string& fields) {
  CompletionRequest request;
  const auto error = Read(endpoint, Body(endpoint, fields), &request);
  EXPECT_TRUE(error.has_value()) << fields;
  return error.value_or(ApiError{});
}

constexpr Endpoint kBothEndpoints[] = {Endpoint::kChat, Endpoint::kCompletion};

std::string Number(double value, bool integer) {
  return integer ? std::to_string(static_cast<int64_t>(value)) : std::to_string(value);
}

// Every row of the table against every kind of wrong value: a 400 that names the field.
TEST(RequestFields, EachRefusesOtherTypesAndValuesOutOfRange) {
  for (const FieldDescription& field : DescribeRequestFields()) {
    const bool is_number = field.type == "number" || field.type == "integer";
    std::vector<std::string> wrong;
    if (field.type == "boolean") wrong = {"1", "\"true\"", "[]", "{}"};
    if (field.type == "string") wrong = {"1", "true", "[]", "{}"};
    if (is_number) wrong = {"\"1\"", "true", "[]", "{}", "1e308", "-1e308"};
    if (field.type == "integer") {
      wrong.push_back("1.5");
      wrong.push_back("9223372036854775808");
    }
    if (is_number && field.minimum > -1e15) {
      wrong.push_back(Number(field.minimum - 1, field.type == "integer"));
      wrong.push_back(Number(field.maximum + 1, field.type == "integer"));
    }
    for (const Endpoint endpoint : kBothEndpoints) {
      if ((field.endpoints & static_cast<unsigned>(endpoint)) == 0) continue;
      const std::string name(field.name);
      for (const std::string& value : wrong) {
        const ApiError error = Refused(endpoint, "\"" + name + "\":" + value);
        EXPECT_EQ(error.http_status, 400) << name << "=" << value;
        EXPECT_EQ(error.param, name) << value;
        EXPECT_THAT(error.message, HasSubstr(name)) << value;
      }
    }
  }
}

TEST(RequestFields, EachTakesItsBoundsAndNull) {
  for (const FieldDescription& field : DescribeRequestFields()) {
    for (const Endpoint endpoint : kBothEndpoints) {
      if ((field.endpoints & static_cast<unsigned>(endpoint)) == 0) continue;
      const std::string name(field.name);
      if (name != "messages" && name != "prompt") Accepted(endpoint, "\"" + name + "\":null");
      const bool is_integer = field.type == "integer";
      if ((!is_integer && field.type != "number") || name == "seed") continue;
      // Chat's count of alternatives only means something together with the flag.
      const std::string with = name == "top_logprobs" ? R"("logprobs":true,)" : "";
      for (const double bound : {field.minimum, field.maximum}) {
        Accepted(endpoint, with + "\"" + name + "\":" + Number(bound, is_integer));
      }
    }
  }
}

TEST(RequestFields, UnknownOnesAreIgnored) {
  Accepted(Endpoint::kChat, R"("store":true,"metadata":{"a":[1]},"service_tier":"auto")");
}

TEST(ReadCompletionRequest, FillsSamplingOverTheModelsDefaults) {
  engine::ModelInfo model;
  model.temperature = 0.6f;
  model.top_k = 20;
  CompletionRequest request;
  const auto json = ParseJson(Body(Endpoint::kChat, R"("temperature":0,"min_p":0.1,"seed":7)"));
  ASSERT_FALSE(
      ReadCompletionRequest(Endpoint::kChat, *json, {DefaultSampling(model), 100}, &request));
  EXPECT_EQ(request.sampling.temperature, 0);
  EXPECT_EQ(request.sampling.top_k, 20u);
  EXPECT_EQ(request.sampling.top_p, 1);
  EXPECT_FLOAT_EQ(request.sampling.min_p, 0.1f);
  EXPECT_EQ(request.sampling.seed, 7u);
}

TEST(ReadCompletionRequest, AliasesMeanTheSame) {
  EXPECT_EQ(Accepted(Endpoint::kChat, R"("max_completion_tokens":5)").max_tokens, 5u);
  EXPECT_EQ(Accepted(Endpoint::kChat, R"("max_tokens":5)").max_tokens, 5u);
  EXPECT_FLOAT_EQ(Accepted(Endpoint::kChat, R"("repeat_penalty":1.5)").sampling.repetition_penalty,
                  1.5f);
}

TEST(ReadCompletionRequest, TokensWithoutALimit) {
  EXPECT_EQ(Accepted(Endpoint::kChat, "").max_tokens, std::nullopt);
  EXPECT_EQ(Accepted(Endpoint::kCompletion, "").max_tokens, 16u);
  EXPECT_EQ(Accepted(Endpoint::kCompletion, R"("max_tokens":-1)").max_tokens, std::nullopt);
  EXPECT_EQ(Accepted(Endpoint::kCompletion, R"("max_tokens":0)").max_tokens, 0u);
}

TEST(ReadCompletionRequest, StopIsAStringOrAList) {
  EXPECT_THAT(Accepted(Endpoint::kChat, R"("stop":"a")").stop, ElementsAre("a"));
  EXPECT_THAT(Accepted(Endpoint::kChat, R"("stop":["a","b"])").stop, ElementsAre("a", "b"));
  EXPECT_EQ(Refused(Endpoint::kChat, R"("stop":[1])").param, "stop");
  EXPECT_EQ(Refused(Endpoint::kChat, "\"stop\":\"" + std::string(257, 'x') + "\"").param, "stop");
  std::string many = "\"a\"";
  for (int i = 0; i < 16; ++i) many += ",\"a\"";
  EXPECT_EQ(Refused(Endpoint::kChat, "\"stop\":[" + many + "]").param, "stop");
}

TEST(ReadCompletionRequest, LogitBiasNamesTokensOfTheVocabulary) {
  const auto request = Accepted(Endpoint::kChat, R"("logit_bias":{"5":-100,"99":1.5})");
  EXPECT_EQ(request.sampling.logit_bias.at(5), -100);
  EXPECT_EQ(request.sampling.logit_bias.at(99), 1.5f);
  for (const char* wrong : {R"({"100":1})", R"({"-1":1})", R"({"x":1})", R"({"":1})",
                            R"({"5":101})", R"({"5":"1"})", "[[5,1]]", R"({"5x":1})"}) {
    EXPECT_EQ(Refused(Endpoint::kChat, std::string("\"logit_bias\":") + wrong).param, "logit_bias")
        << wrong;
  }
}

TEST(ReadCompletionRequest, PromptHasFourForms) {
  const auto read = [](const std::string& prompt) {
    CompletionRequest request;
    const auto error = Read(Endpoint::kCompletion, "{\"prompt\":" + prompt + "}", &request);
    EXPECT_FALSE(error.has_value()) << prompt;
    return request.prompts;
  };
  EXPECT_EQ(read("\"a\"").front().text, "a");
  EXPECT_EQ(read(R"(["a","b"])")[1].text, "b");
  EXPECT_THAT(*read("[1,2,3]").front().tokens, ElementsAre(1, 2, 3));
  EXPECT_THAT(*read("[[1],[2,99]]")[1].tokens, ElementsAre(2, 99));
  for (const char* wrong : {"[]", "5", "[100]", "[-1]", "[1,\"a\"]", "[\"a\",1]", "[1.5]", "{}",
                            "[[1],[100]]", "[true]"}) {
    CompletionRequest request;
    const auto error =
        Read(Endpoint::kCompletion, std::string("{\"prompt\":") + wrong + "}", &request);
    ASSERT_TRUE(error.has_value()) << wrong;
    EXPECT_EQ(error->param, "prompt") << wrong;
  }
}

TEST(ReadCompletionRequest, WhatIsNotThereIsRefusedClearly) {
  EXPECT_EQ(Refused(Endpoint::kCompletion, R"("suffix":"x")").param, "suffix");
  EXPECT_EQ(Refused(Endpoint::kCompletion, R"("best_of":2)").param, "best_of");
  EXPECT_EQ(Refused(Endpoint::kChat, R"("response_format":{"type":"json_object"})").param,
            "response_format");
  EXPECT_EQ(Refused(Endpoint::kChat, R"("tool_choice":"required")").param, "tool_choice");
  Accepted(Endpoint::kChat, R"("response_format":{"type":"text"},"tool_choice":"auto")");
}

TEST(ReadCompletionRequest, ToolChoiceNoneHidesTheTools) {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  EXPECT_NE(Accepted(Endpoint::kChat, tools).chat.tools.if_list(), nullptr);
  EXPECT_TRUE(Accepted(Endpoint::kChat, R"("tool_choice":"none",)" + tools).chat.tools.is_none());
}

TEST(ReadCompletionRequest, TemplateArgumentsCannotReplaceTrustedVariables) {
  const auto request =
      Accepted(Endpoint::kChat, R"("chat_template_kwargs":{"enable_thinking":false})");
  EXPECT_EQ(request.chat.kwargs.front().first, "enable_thinking");
  EXPECT_EQ(Refused(Endpoint::kChat, R"("chat_template_kwargs":{"bos_token":"x"})").param,
            "chat_template_kwargs");
}

TEST(ReadCompletionRequest, LogprobsHaveOneFormPerEndpoint) {
  const auto chat = Accepted(Endpoint::kChat, R"("logprobs":true,"top_logprobs":3)");
  EXPECT_TRUE(chat.wants_logprobs);
  EXPECT_EQ(chat.logprob_count, 3u);
  const auto text = Accepted(Endpoint::kCompletion, R"("logprobs":0)");
  EXPECT_TRUE(text.wants_logprobs);
  EXPECT_EQ(text.logprob_count, 0u);
  EXPECT_EQ(Refused(Endpoint::kChat, R"("top_logprobs":3)").param, "top_logprobs");
}

TEST(ReadCompletionRequest, MissingInputAndOtherBodies) {
  CompletionRequest request;
  EXPECT_EQ(Read(Endpoint::kChat, "{}", &request)->param, "messages");
  EXPECT_EQ(Read(Endpoint::kCompletion, "{}", &request)->param, "prompt");
  EXPECT_EQ(Read(Endpoint::kChat, "[]", &request)->http_status, 400);
}

}  // namespace
}  // namespace moira::server
