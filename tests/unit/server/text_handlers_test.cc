#include "server/api/text_handlers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using Json = nlohmann::json;

class TextHandlersTest : public ::testing::Test {
 protected:
  Json Tokenize(const std::string& body) {
    const Response response = HandleTokenize({{}, body}, context_);
    status_ = response.status;
    return Json::parse(response.body);
  }
  Json Detokenize(const std::string& body) {
    const Response response = HandleDetokenize({{}, body}, context_);
    status_ = response.status;
    return Json::parse(response.body);
  }

  int status_ = 0;
  FakeEngine engine_;
  Metrics metrics_;
  Admission admission_{4, 8};
  ApiContext context_{
      engine_, metrics_, admission_, "fake", 4, true, std::chrono::milliseconds(1'000)};
};

TEST_F(TextHandlersTest, TokenizeTakesLlamaCppsForm) {
  EXPECT_EQ(Tokenize(R"({"content":"a<end>"})"), (Json{{"tokens", {97, 256}}}));
  EXPECT_EQ(Tokenize(R"({"content":"a","add_special":true})")["tokens"], (Json{257, 97}));
  EXPECT_EQ(Tokenize(R"({"content":"<end>","parse_special":false})")["tokens"].size(), 5u);
  EXPECT_EQ(Tokenize(R"({"content":""})")["tokens"], Json::array());
}

TEST_F(TextHandlersTest, TokenizeTakesVllmsForm) {
  const Json answer = Tokenize(R"({"prompt":"ab"})");
  EXPECT_EQ(answer["tokens"], (Json{257, 97, 98}));
  EXPECT_EQ(answer["count"], 3);
  EXPECT_EQ(answer["max_model_len"], 64);
}

TEST_F(TextHandlersTest, TokenizeNamesWhatIsWrong) {
  EXPECT_EQ(Tokenize("{}")["error"]["param"], "content");
  EXPECT_EQ(status_, 400);
  EXPECT_EQ(Tokenize(R"({"content":5})")["error"]["param"], "content");
  EXPECT_EQ(Tokenize(R"({"content":"a","add_special":1})")["error"]["param"], "add_special");
  EXPECT_EQ(Tokenize("[]")["error"]["type"], "invalid_request_error");
  EXPECT_EQ(Tokenize("{")["error"]["type"], "invalid_request_error");
}

TEST_F(TextHandlersTest, DetokenizeUndoesTokenize) {
  EXPECT_EQ(Detokenize(R"({"tokens":[97,256]})")["content"], "a<end>");
  for (const char* wrong : {"{}", R"({"tokens":5})", R"({"tokens":[-1]})", R"({"tokens":[258]})",
                            R"({"tokens":[1.5]})", R"({"tokens":["a"]})"}) {
    EXPECT_EQ(Detokenize(wrong)["error"]["param"], "tokens") << wrong;
    EXPECT_EQ(status_, 400);
  }
}

TEST_F(TextHandlersTest, ModelsAreListedAndFoundByName) {
  const Json list = Json::parse(HandleModels(context_).body);
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0]["id"], "fake");
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(Json::parse(HandleModel("fake", context_).body)["id"], "fake");
  EXPECT_EQ(HandleModel("other", context_).status, 404);
  EXPECT_EQ(HandleModel("", context_).status, 404);
}

}  // namespace
}  // namespace moira::server
