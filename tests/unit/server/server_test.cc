#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/server/fake_engine.h"
#include "tests/unit/server/raw_client.h"

namespace moira::server {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ServerOptions Options() {
  ServerOptions options;
  options.port = 0;
  options.parallel = 2;
  options.max_queued = 2;
  return options;
}

std::string Get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
}

std::string Chat(const std::string& fields) {
  const std::string body = R"({"messages":[{"role":"user","content":"hi"}])" + fields + "}";
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(Server, IsThereBeforeTheModelIs) {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok()) << server.status().message();
  const uint16_t port = (*server)->port();
  EXPECT_EQ((*server)->url(), "http://127.0.0.1:" + std::to_string(port));
  EXPECT_THAT(SendAndReadAll(port, Get("/livez")), StartsWith("HTTP/1.1 200"));
  (*server)->SetLoadProgress(1, 4);
  EXPECT_THAT(SendAndReadAll(port, Get("/readyz")), HasSubstr("\"progress\":0.250"));
  FakeEngine engine;
  (*server)->AttachEngine(&engine);
  EXPECT_THAT(SendAndReadAll(port, Get("/readyz")), StartsWith("HTTP/1.1 200"));
}

TEST(Server, OtherAddressesNeedAKey) {
  ServerOptions options = Options();
  options.host = "0.0.0.0";
  EXPECT_EQ(Server::Start(options).status().code(), StatusCode::kInvalidArgument);
  options.api_keys = {"secret"};
  EXPECT_TRUE(Server::Start(options).ok());
}

TEST(Server, StreamsToAClient) {
  FakeEngine engine([](const engine::GenerateRequest&, FakeStream::Shared& stream) {
    stream.PushText("hello");
    stream.End(engine::FinishReason::kStop);
  });
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok());
  (*server)->AttachEngine(&engine);
  const std::string answer = SendAndReadAll((*server)->port(), Chat(R"(,"stream":true)"));
  EXPECT_THAT(answer, HasSubstr("text/event-stream"));
  EXPECT_THAT(answer, HasSubstr("data: [DONE]\n\n"));
  EXPECT_THAT(answer, EndsWith("0\r\n\r\n"));
}

TEST(Server, ADrainLetsGoWhatEndsInTime) {
  FakeEngine engine;
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok());
  (*server)->AttachEngine(&engine);
  EXPECT_TRUE((*server)->Drain(milliseconds(0)));
  EXPECT_THAT(SendAndReadAll((*server)->port(), Get("/livez")), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(SendAndReadAll((*server)->port(), Get("/readyz")), HasSubstr("draining"));
  EXPECT_THAT(SendAndReadAll((*server)->port(), Chat("")), StartsWith("HTTP/1.1 503"));
}

TEST(Server, WhatADrainCutsOffIsTold) {
  FakeEngine engine;
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok());
  (*server)->AttachEngine(&engine);
  RawClient client((*server)->port());
  client.Send(Chat(R"(,"stream":true)"));
  auto stream = engine.stream(0);
  stream->PushText("a");
  client.ReadUntil("\"content\":\"a\"");
  EXPECT_FALSE((*server)->Drain(milliseconds(0)));
  EXPECT_THAT(client.ReadAll(), HasSubstr("\"code\":\"draining\""));
}

TEST(Server, StopCancelsAndEndsAtOnce) {
  FakeEngine engine;
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok());
  (*server)->AttachEngine(&engine);
  RawClient client((*server)->port());
  client.Send(Chat(""));
  auto stream = engine.stream(0);
  (*server)->Stop();
  stream->WaitForCancel();
  (*server)->Stop();
}

TEST(Server, AClientThatLeavesFreesItsPlace) {
  FakeEngine engine;
  auto server = Server::Start(Options());
  ASSERT_TRUE(server.ok());
  (*server)->AttachEngine(&engine);
  for (size_t i = 0; i < 20; ++i) {
    RawClient client((*server)->port());
    client.Send(Chat(i % 2 == 0 ? "" : R"(,"stream":true)"));
    auto stream = engine.stream(i);
    client.Close();
    stream->WaitForCancel();
  }
}

}  // namespace
}  // namespace moira::server
