#include "server/api/chat_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::server {
namespace {

using ::testing::HasSubstr;

TemplateValue Normalized(const std::string& json) {
  TemplateValue out;
  const auto error = NormalizeMessages(*ParseJson(json), &out);
  EXPECT_FALSE(error.has_value()) << error->message;
  return out;
}

std::string RefusedField(const std::string& json) {
  TemplateValue out;
  const auto error = NormalizeMessages(*ParseJson(json), &out);
  EXPECT_TRUE(error.has_value()) << json;
  return error ? error->param : "";
}

const TemplateValue& Message(const TemplateValue& messages, size_t i) {
  return (*messages.if_list())[i];
}

TEST(NormalizeMessages, JoinsTextParts) {
  const auto messages = Normalized(
      R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])");
  const TemplateValue* content = FindField(Message(messages, 0), "content");
  EXPECT_EQ(*content->if_string(), "a\nb");
  EXPECT_TRUE(content->untrusted());
}

TEST(NormalizeMessages, DeveloperIsSystem) {
  const auto messages = Normalized(R"([{"role":"developer","content":"x"}])");
  EXPECT_EQ(*FindField(Message(messages, 0), "role")->if_string(), "system");
}

TEST(NormalizeMessages, ArgumentsOfCallsBecomeMaps) {
  const auto messages = Normalized(R"([{"role":"assistant","content":null,"tool_calls":[
      {"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
      {"id":"2","type":"function","function":{"name":"g","arguments":"not json"}}]}])");
  const TemplateValue& message = Message(messages, 0);
  EXPECT_EQ(*FindField(message, "content")->if_string(), "");
  const auto& calls = *FindField(message, "tool_calls")->if_list();
  const TemplateValue* first = FindField(*FindField(calls[0], "function"), "arguments");
  EXPECT_EQ(*FindField(*first, "x")->if_int(), 1);
  const TemplateValue* second = FindField(*FindField(calls[1], "function"), "arguments");
  EXPECT_EQ(*second->if_string(), "not json");
}

TEST(NormalizeMessages, OtherFieldsStay) {
  const auto messages =
      Normalized(R"([{"role":"tool","tool_call_id":"7","name":"f","content":"42"}])");
  EXPECT_EQ(*FindField(Message(messages, 0), "tool_call_id")->if_string(), "7");
}

TEST(NormalizeMessages, RefusesWhatIsNoConversation) {
  EXPECT_EQ(RefusedField("[]"), "messages");
  EXPECT_EQ(RefusedField("{}"), "messages");
  EXPECT_EQ(RefusedField("\"hi\""), "messages");
  EXPECT_EQ(RefusedField("[1]"), "messages[0]");
  EXPECT_EQ(RefusedField(R"([{"role":"user","content":"a"},{"content":"b"}])"), "messages[1].role");
  EXPECT_EQ(RefusedField(R"([{"role":"pirate","content":"a"}])"), "messages[0].role");
  EXPECT_EQ(RefusedField(R"([{"role":"user"}])"), "messages[0].content");
  EXPECT_EQ(RefusedField(R"([{"role":"user","content":null}])"), "messages[0].content");
  EXPECT_EQ(RefusedField(R"([{"role":"user","content":5}])"), "messages[0].content");
  EXPECT_EQ(RefusedField(R"([{"role":"assistant","tool_calls":[{}]}])"), "messages[0].tool_calls");
}

TEST(NormalizeMessages, RefusesImagesByTheirType) {
  TemplateValue out;
  const auto error = NormalizeMessages(
      *ParseJson(R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])"),
      &out);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->param, "messages[0].content[0]");
  EXPECT_THAT(error->message, HasSubstr("image_url"));
}

TEST(CheckTools, WantsNamedFunctions) {
  EXPECT_FALSE(CheckTools(*ParseJson(R"([{"type":"function","function":{"name":"f"}}])")));
  for (const char* wrong : {"{}", "[1]", R"([{"type":"web"}])", R"([{"type":"function"}])",
                            R"([{"type":"function","function":{"name":5}}])"}) {
    EXPECT_TRUE(CheckTools(*ParseJson(wrong)).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace moira::server
