// Templates of real models against what Python's jinja2 makes of them (chat_template_oracle.py).
#include "engine/chat_template/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

namespace fs = std::filesystem;

std::string Hash(std::string_view text) {  // FNV-1a, as the oracle computes it
  uint64_t value = 0xCBF29CE484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  char buffer[17];
  std::snprintf(buffer, sizeof(buffer), "%016llx", static_cast<unsigned long long>(value));
  return buffer;
}

OrderedJson ReadJson(const std::string& name) {
  return OrderedJson::parse(ReadTestFile(std::string(MOIRA_SOURCE_DIR "/tests/golden/") + name));
}

TemplateValue Variables(const OrderedJson& conversation, bool untrusted) {
  OrderedJson variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  variables.update(conversation.at("variables"));
  return ToTemplateValue(variables, untrusted);
}

class GoldenChatTemplate : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kFolder)) GTEST_SKIP() << "no templates in " << kFolder;
    limits_.now = OracleTime();
    conversations_ = ReadJson("conversations.json").at("conversations");
    expected_ = ReadJson("chat_template_expected.json");
  }

  static std::unique_ptr<ChatTemplate> ParseFile(const std::string& name) {
    auto parsed = ChatTemplate::Parse(ReadTestFile(kFolder + name));
    EXPECT_TRUE(parsed.ok()) << name << ": " << parsed.status().message();
    return parsed.ok() ? std::move(parsed).value() : nullptr;
  }

  static inline const std::string kFolder = MOIRA_SOURCE_DIR "/../shared/data/templates/";
  TemplateLimits limits_;
  OrderedJson conversations_;
  OrderedJson expected_;
};

void ExpectSame(const OrderedJson& expected, const Result<RenderedPrompt>& rendered) {
  if (!expected.contains("raises")) {
    ASSERT_TRUE(rendered.ok()) << rendered.status().message();
    EXPECT_EQ(rendered->text.size(), expected.at("bytes").get<size_t>());
    EXPECT_EQ(Hash(rendered->text), expected.at("hash").get<std::string>()) << rendered->text;
    return;
  }
  ASSERT_FALSE(rendered.ok()) << rendered->text;
  EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
  if (expected.at("raises").is_null()) {
    EXPECT_THAT(rendered.status().message(), testing::HasSubstr("line "));
  } else {
    EXPECT_EQ(Hash(rendered.status().message()), expected.at("raises").get<std::string>())
        << rendered.status().message();
  }
}

TEST_F(GoldenChatTemplate, RendersAsPythonDoes) {
  ASSERT_GE(expected_.size(), 23u);
  for (const auto& [name, results] : expected_.items()) {
    const auto parsed = ParseFile(name);
    if (!parsed) continue;
    for (const OrderedJson& conversation : conversations_) {
      const std::string title = conversation.at("name");
      SCOPED_TRACE(name + ", " + title);
      ExpectSame(results.at(title), parsed->Render(Variables(conversation, false), limits_));
    }
  }
}

// Marks do not change the text, are well formed, and cover every copy of a user's word.
TEST_F(GoldenChatTemplate, MarksEveryWordOfTheConversation) {
  static constexpr std::string_view kWord = "Zq7\u00fc\u4e16";
  const OrderedJson conversation = OrderedJson::parse(R"({"variables": {"messages": [
      {"role": "user", "content": " Zq7\u00fc\u4e16 "},
      {"role": "assistant", "content": "<think>Zq7\u00fc\u4e16</think>\n Zq7\u00fc\u4e16"},
      {"role": "user", "content": "Zq7\u00fc\u4e16"}],
    "tools": [{"type": "function", "function": {"name": "Zq7\u00fc\u4e16", "description":
      "Zq7\u00fc\u4e16", "parameters": {"type": "object", "properties": {"Zq7\u00fc\u4e16":
      {"type": "string", "description": "Zq7\u00fc\u4e16"}}, "required": ["Zq7\u00fc\u4e16"]}}}],
    "add_generation_prompt": true}})");
  for (const auto& [name, results] : expected_.items()) {
    SCOPED_TRACE(name);
    const auto parsed = ParseFile(name);
    if (!parsed) continue;
    const auto plain = parsed->Render(Variables(conversation, false), limits_);
    const auto marked = parsed->Render(Variables(conversation, true), limits_);
    ASSERT_TRUE(plain.ok() && marked.ok()) << marked.status().message();
    EXPECT_EQ(plain->text, marked->text);
    EXPECT_TRUE(plain->untrusted.empty());
    size_t last = 0;
    std::string outside;
    for (const TextRange& range : marked->untrusted) {
      ASSERT_LT(range.begin, range.end);
      ASSERT_LE(range.end, marked->text.size());
      outside += marked->text.substr(last, range.begin - last) + "\n";
      last = range.end;
    }
    outside += marked->text.substr(last);
    EXPECT_NE(marked->text.find(kWord), std::string::npos);
    EXPECT_EQ(outside.find("Zq7"), std::string::npos);
    EXPECT_EQ(outside.find("\u4e16"), std::string::npos);
    EXPECT_FALSE(outside.empty());
  }
}

}  // namespace
}  // namespace moira::engine
