#include "server/api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/server/fake_engine.h"

namespace moira::server {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string FieldOf(const Response& response, const std::string& name) {
  for (const auto& [field, value] : response.fields) {
    if (field == name) return value;
  }
  return "";
}

class ApiTest : public ::testing::Test {
 protected:
  ApiTest()
      : engine_([](const engine::GenerateRequest&, FakeStream::Shared& stream) {
          stream.PushText("ok");
          stream.End(engine::FinishReason::kStop);
        }) {
    options_.host = "127.0.0.1";
  }

  void Make(bool attached = true) {
    api_ = std::make_unique<Api>(options_);
    if (attached) api_->Attach(&engine_);
  }
  static RequestHead Get(const std::string& path) {
    return {"GET", path, 11, {{"Host", "localhost:8411"}}};
  }
  static RequestHead Post(const std::string& path) {
    return {"POST", path, 11, {{"Host", "127.0.0.1"}, {"Content-Type", "application/json"}}};
  }
  // The status that Admit answers with; 0 when it lets the request through.
  int Admitted(const RequestHead& head) {
    const auto answer = api_->Admit(head);
    return answer ? answer->status : 0;
  }
  Response Handle(const RequestHead& head, const std::string& body = "") {
    RecordingExchange exchange;
    api_->Handle({head, body}, exchange);
    return exchange.answer;
  }

  ApiOptions options_;
  FakeEngine engine_;
  std::unique_ptr<Api> api_;
};

TEST_F(ApiTest, WhileLoadingOnlyHealthAndMetricsAnswer) {
  Make(false);
  api_->SetLoadProgress(0.25);
  EXPECT_EQ(Admitted(Get("/livez")), 200);
  const Response ready = *api_->Admit(Get("/readyz"));
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(Json::parse(ready.body)["state"], "starting");
  EXPECT_EQ(Json::parse(ready.body)["progress"], 0.25);
  EXPECT_EQ(Admitted(Get("/health")), 503);
  EXPECT_EQ(Admitted(Get("/metrics")), 0);
  const Response chat = *api_->Admit(Post("/v1/chat/completions"));
  EXPECT_EQ(chat.status, 503);
  EXPECT_EQ(Json::parse(chat.body)["error"]["code"], "loading");
  EXPECT_NE(FieldOf(chat, "Retry-After"), "");
}

TEST_F(ApiTest, WithAnEngineEverythingAnswers) {
  Make();
  EXPECT_EQ(Admitted(Get("/readyz")), 200);
  EXPECT_EQ(Admitted(Get("/health")), 200);
  EXPECT_EQ(Admitted(Get("/v1/models")), 0);
  EXPECT_EQ(Admitted(Post("/v1/chat/completions")), 0);
  const Response answer =
      Handle(Post("/v1/chat/completions"), R"({"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(answer.body)["model"], "fake");
  EXPECT_EQ(Handle(Get("/v1/models/fake")).status, 200);
  EXPECT_EQ(Handle(Post("/tokenize"), R"({"content":"a"})").status, 200);
  EXPECT_EQ(Handle(Post("/detokenize"), R"({"tokens":[97]})").status, 200);
}

TEST_F(ApiTest, DrainingIsNotReadyButAlive) {
  Make();
  api_->BeginDrain();
  EXPECT_EQ(Admitted(Get("/livez")), 200);
  EXPECT_EQ(Json::parse(api_->Admit(Get("/readyz"))->body)["state"], "draining");
  EXPECT_EQ(Json::parse(api_->Admit(Post("/v1/completions"))->body)["error"]["code"], "draining");
  EXPECT_TRUE(api_->WaitUntilIdle(std::chrono::milliseconds(0)));
}

TEST_F(ApiTest, AnEngineThatComesDuringADrainChangesNothing) {
  Make(false);
  api_->BeginDrain();
  api_->Attach(&engine_);
  EXPECT_EQ(Admitted(Get("/readyz")), 503);
}

TEST_F(ApiTest, UnknownPathsAndMethods) {
  Make();
  EXPECT_EQ(Admitted(Get("/nothing")), 404);
  const Response wrong = *api_->Admit(Get("/v1/chat/completions"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(FieldOf(wrong, "Allow"), "POST, OPTIONS");
  RequestHead options = Get("/livez");
  options.method = "OPTIONS";
  const Response allowed = *api_->Admit(options);
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(FieldOf(allowed, "Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(FieldOf(allowed, "Access-Control-Allow-Origin"), "");
}

TEST_F(ApiTest, KeysOpenEverythingButHealth) {
  options_.api_keys = {"secret"};
  Make();
  EXPECT_EQ(Admitted(Get("/livez")), 200);
  const auto with = [](RequestHead head, std::string name, std::string value) {
    head.fields.emplace_back(std::move(name), std::move(value));
    return head;
  };
  for (const char* path : {"/v1/models", "/metrics", "/nothing"}) {
    EXPECT_EQ(Admitted(Get(path)), 401) << path;
    EXPECT_EQ(Admitted(with(Get(path), "Authorization", "Bearer wrong")), 401) << path;
    EXPECT_EQ(Admitted(with(Get(path), "Authorization", "secret")), 401) << path;
    EXPECT_NE(Admitted(with(Get(path), "Authorization", "Bearer secret")), 401) << path;
    EXPECT_NE(Admitted(with(Get(path), "authorization", "bearer secret")), 401) << path;
    EXPECT_NE(Admitted(with(Get(path), "X-Api-Key", "secret")), 401) << path;
  }
  EXPECT_EQ(Json::parse(api_->Admit(Get("/v1/models"))->body)["error"]["code"], "invalid_api_key");
}

TEST_F(ApiTest, OnLoopbackOnlyOwnNamesAreHosts) {
  Make();
  const auto as = [](const std::string& host) {
    return RequestHead{"GET", "/livez", 11, {{"Host", host}}};
  };
  for (const char* own : {"localhost", "LOCALHOST:1", "127.0.0.1:8411", "[::1]:8411"}) {
    EXPECT_EQ(Admitted(as(own)), 200) << own;
  }
  for (const char* other : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "",
                            "[::1", "10.0.0.1"}) {
    EXPECT_EQ(Admitted(as(other)), 403) << other;
  }
  options_.loopback = false;
  Make();
  EXPECT_EQ(Admitted(as("moira.example")), 200);
}

TEST_F(ApiTest, BodiesMustSayThatTheyAreJson) {
  Make();
  RequestHead head = Post("/tokenize");
  for (const char* type : {"application/json; charset=utf-8", "Application/JSON"}) {
    head.fields[1].second = type;
    EXPECT_EQ(Admitted(head), 0) << type;
  }
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", ""}) {
    head.fields[1].second = type;
    EXPECT_EQ(Admitted(head), 415) << type;
  }
}

TEST_F(ApiTest, OriginsAreOnlyThoseThatWereNamed) {
  options_.cors_origins = {"https://ui.example"};
  Make();
  RequestHead head = Get("/livez");
  head.fields.emplace_back("Origin", "https://ui.example");
  EXPECT_EQ(FieldOf(*api_->Admit(head), "Access-Control-Allow-Origin"), "https://ui.example");
  head.method = "OPTIONS";
  EXPECT_THAT(FieldOf(*api_->Admit(head), "Access-Control-Allow-Methods"), HasSubstr("GET"));
  head.fields.back().second = "https://other.example";
  EXPECT_EQ(FieldOf(*api_->Admit(head), "Access-Control-Allow-Origin"), "");
}

TEST_F(ApiTest, AFullServerRefusesBeforeTheBodyIsRead) {
  options_.parallel = 1;
  options_.max_queued = 0;
  FakeEngine silent;
  Api api(options_);
  api.Attach(&silent);
  RecordingExchange exchange;
  std::thread running([&] {
    api.Handle({Post("/v1/completions"), R"({"prompt":"a"})"}, exchange);
  });
  auto stream = silent.stream(0);
  const auto refused = api.Admit(Post("/v1/completions"));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 429);
  EXPECT_NE(FieldOf(*refused, "Retry-After"), "");
  EXPECT_FALSE(api.Admit(Post("/tokenize")).has_value());
  stream->End(engine::FinishReason::kStop);
  running.join();
  EXPECT_FALSE(api.Admit(Post("/v1/completions")).has_value());
}

TEST_F(ApiTest, CountsWhatItAnswers) {
  Make();
  (void)api_->Admit(Get("/livez"));
  (void)api_->Admit(Get("/nothing"));
  (void)Handle(Get("/v1/models"));
  (void)api_->Refuse(431, "too long");
  const std::string page = Handle(Get("/metrics")).body;
  EXPECT_THAT(page, HasSubstr(R"(route="/livez",status="200")"));
  EXPECT_THAT(page, HasSubstr(R"(route="none",status="404")"));
  EXPECT_THAT(page, HasSubstr(R"(route="none",status="431")"));
  EXPECT_THAT(page, HasSubstr(R"(route="/v1/models",status="200")"));
  EXPECT_THAT(page, HasSubstr(R"(moira_ready{model_name="fake"} 1)"));
}

TEST_F(ApiTest, TheAliasIsTheModelsName) {
  options_.alias = "my-model";
  Make();
  EXPECT_EQ(Handle(Get("/v1/models/my-model")).status, 200);
  EXPECT_EQ(Handle(Get("/v1/models/fake")).status, 404);
}

}  // namespace
}  // namespace moira::server
