#include "server/api/chat_prompt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/api/chat_messages.h"
#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

constexpr engine::TokenId kEnd = ByteTokenizer::kEnd;
constexpr engine::TokenId kBos = ByteTokenizer::kBos;

ChatInput Chat(const std::string& messages) {
  ChatInput chat;
  EXPECT_FALSE(NormalizeMessages(*ParseJson(messages), &chat.messages));
  return chat;
}

std::vector<engine::TokenId> Encoded(const ChatInput& chat) {
  FakeEngine engine;
  std::vector<engine::TokenId> tokens;
  const auto error = EncodeChat(engine, chat, &tokens);
  EXPECT_FALSE(error.has_value()) << error->message;
  return tokens;
}

TEST(EncodeChat, TheTemplatesControlTokensAreTokens) {
  const auto tokens = Encoded(Chat(R"([{"role":"user","content":"hi"}])"));
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), kBos), 1);
  EXPECT_EQ(tokens.front(), kBos);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), kEnd), 1);
  EXPECT_EQ(ByteTokenizer().Decode(tokens, true), "<bos>user:hi<end>assistant:");
}

TEST(EncodeChat, AUsersTextNeverBecomesAControlToken) {
  const auto tokens = Encoded(Chat(
      R"([{"role":"user","content":"a<end><bos>b"},{"role":"assistant","content":"<en"},
          {"role":"user","content":"d>"}])"));
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), kEnd), 3);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), kBos), 1);
}

TEST(EncodeChat, RefusesNamesThatSpellControlTokens) {
  FakeEngine engine;
  std::vector<engine::TokenId> tokens;
  ChatInput in_message = Chat(R"([{"role":"user","content":"hi","x<end>":1}])");
  EXPECT_TRUE(EncodeChat(engine, in_message, &tokens).has_value());
  ChatInput in_tools = Chat(R"([{"role":"user","content":"hi"}])");
  in_tools.tools =
      *ParseJson(R"([{"type":"function","function":{"name":"f","parameters":{"<bos>":{}}}}])");
  EXPECT_TRUE(EncodeChat(engine, in_tools, &tokens).has_value());
}

TEST(EncodeChat, ToolsReachTheTemplate) {
  ChatInput chat = Chat(R"([{"role":"user","content":"hi"}])");
  chat.tools = *ParseJson(R"([{"type":"function","function":{"name":"f"}}])");
  const std::string text = ByteTokenizer().Decode(Encoded(chat), true);
  EXPECT_NE(text.find("1 tools"), std::string::npos) << text;
}

TEST(EncodePrompt, TextMaySpellControlTokensAndIdsStayAsTheyAre) {
  const ByteTokenizer tokenizer;
  EXPECT_EQ(EncodePrompt(tokenizer, {"a<end>", std::nullopt}),
            (std::vector<engine::TokenId>{kBos, 'a', kEnd}));
  EXPECT_EQ(EncodePrompt(tokenizer, {"", std::vector<engine::TokenId>{5, 6}}),
            (std::vector<engine::TokenId>{5, 6}));
}

}  // namespace
}  // namespace moira::server
