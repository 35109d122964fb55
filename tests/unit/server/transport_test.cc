#include "server/http/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/unit/server/raw_client.h"

namespace moira::server {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Answers with the request's body; what a test sets is done first.
class EchoApplication : public Application {
 public:
  std::function<void(const Request&, Exchange&)> on_request;

  std::optional<Response> Admit(const RequestHead& head) override {
    if (head.path() != "/now") return std::nullopt;
    Response response;
    response.body = "now";
    return response;
  }
  void Handle(const Request& request, Exchange& exchange) override {
    ++handled;
    if (on_request) return on_request(request, exchange);
    Response response;
    response.content_type = "text/plain";
    response.body = request.head.method + " " + request.head.target + " " + request.body;
    exchange.Send(response);
  }
  Response Refuse(int status, std::string_view reason) override {
    Response response;
    response.status = status;
    response.body = reason;
    response.close = true;
    return response;
  }

  std::atomic<int> handled{0};
};

class Flag {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class TransportTest : public ::testing::Test {
 protected:
  void Start() {
    options_.host = "127.0.0.1";
    options_.workers = 2;
    auto transport = Transport::Start(options_, application_);
    ASSERT_TRUE(transport.ok()) << transport.status().message();
    transport_ = std::move(transport).value();
  }
  std::string Send(std::string_view request) { return SendAndReadAll(transport_->port(), request); }

  TransportOptions options_;
  EchoApplication application_;
  std::unique_ptr<Transport> transport_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr std::string_view kLastGet = "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(TransportTest, HandsOverWholeRequests) {
  Start();
  const std::string answer = Send(
      "POST /p?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nPOST /p?q=1 hello"));
}

TEST_F(TransportTest, KeepsConnectionsAndAnswersPipelinedRequestsInOrder) {
  Start();
  RawClient client(transport_->port());
  client.Send(kGet);
  EXPECT_THAT(client.ReadUntil("GET /a "), HasSubstr("Connection: keep-alive"));
  client.Send("GET /now HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kGet) + std::string(kLastGet));
  const std::string rest = client.ReadAll();
  EXPECT_LT(rest.find("\r\n\r\nnow"), rest.find("GET /a "));
  EXPECT_THAT(rest, EndsWith("GET /b "));
}

TEST_F(TransportTest, ABodyMayComeInPieces) {
  Start();
  RawClient client(transport_->port());
  client.Send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Le");
  client.Send("ngth: 4\r\nConnection: close\r\n\r\na");
  client.Send("bc");
  client.Send("d");
  EXPECT_THAT(client.ReadAll(), EndsWith("POST /p abcd"));
}

TEST_F(TransportTest, SaysContinueBeforeALargeBody) {
  Start();
  RawClient client(transport_->port());
  client.Send(
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_THAT(client.ReadAll(), EndsWith("POST /p ok"));
}

TEST_F(TransportTest, RefusesWhatIsNoRequestAndEndsTheConnection) {
  Start();
  const std::pair<const char*, const char*> cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET /\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "411"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", "413"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"},
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nGET", "400"},
  };
  for (const auto& [request, status] : cases) {
    const std::string answer = Send(std::string(request) + std::string(kGet));
    EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + status)) << request;
    EXPECT_THAT(answer, HasSubstr("Connection: close")) << request;
  }
  EXPECT_EQ(application_.handled, 0);
}

TEST_F(TransportTest, HeadsHaveALimit) {
  options_.max_head_bytes = 1000;
  Start();
  const std::string answer =
      Send("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431"));
}

TEST_F(TransportTest, SlowHeadsAndBodiesTimeOut) {
  options_.head_timeout = milliseconds(50);
  options_.body_timeout = milliseconds(50);
  Start();
  EXPECT_THAT(Send("GET / HT"), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"),
              StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(transport_->stats().connections_timed_out, 2u);
}

TEST_F(TransportTest, IdleConnectionsAreClosedSilently) {
  options_.head_timeout = milliseconds(50);
  options_.idle_timeout = milliseconds(50);
  Start();
  EXPECT_EQ(Send(""), "");
  RawClient client(transport_->port());
  client.Send(kGet);
  client.ReadUntil("GET /a ");
  EXPECT_EQ(client.ReadAll(), "");
}

TEST_F(TransportTest, TheOldestIncompleteConnectionMakesRoom) {
  options_.max_connections = 4;
  Start();
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<RawClient>(transport_->port()));
    slow.back()->Send("GET / HTTP/1.1\r\n");
  }
  EXPECT_THAT(Send(kLastGet), EndsWith("GET /b "));
  EXPECT_EQ(slow[0]->ReadAll(), "");
  EXPECT_EQ(transport_->stats().connections_evicted, 1u);
  slow[3]->Send("Host: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(slow[3]->ReadAll(), EndsWith("GET / "));
}

TEST_F(TransportTest, WithoutRoomTheNewestIsRefused) {
  options_.max_connections = 1;
  Flag handling;
  Flag go_on;
  application_.on_request = [&](const Request&, Exchange& exchange) {
    handling.Set();
    go_on.Wait();
    exchange.Send({});
  };
  Start();
  RawClient first(transport_->port());
  first.Send(kLastGet);
  ASSERT_TRUE(handling.Wait());
  EXPECT_THAT(Send(kGet), StartsWith("HTTP/1.1 503"));
  go_on.Set();
  EXPECT_THAT(first.ReadAll(), StartsWith("HTTP/1.1 200"));
  transport_->Stop();  // before what its handlers use
}

TEST_F(TransportTest, TooManyBodyBytesCostTheOldestBody) {
  options_.max_bodies_bytes = 1000;
  Start();
  const auto head = [](size_t n) {
    return "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
           std::to_string(n) + "\r\n\r\n";
  };
  RawClient first(transport_->port());
  first.Send(head(900) + std::string(600, 'a'));
  RawClient second(transport_->port());
  second.Send(head(900) + std::string(600, 'b'));
  EXPECT_EQ(first.ReadAll(), "");
  second.Send(std::string(300, 'b'));
  EXPECT_THAT(second.ReadAll(), EndsWith(std::string(900, 'b')));
}

TEST_F(TransportTest, AClientThatLeavesCancelsItsRequest) {
  Flag handling;
  Flag cancelled;
  application_.on_request = [&](const Request&, Exchange& exchange) {
    const Cancellation::Subscription subscription(exchange.cancellation(),
                                                  [&] { cancelled.Set(); });
    handling.Set();
    EXPECT_TRUE(cancelled.Wait());
  };
  Start();
  RawClient client(transport_->port());
  client.Send(kGet);
  ASSERT_TRUE(handling.Wait());
  client.Close();
  EXPECT_TRUE(cancelled.Wait());
  transport_->Stop();  // before what its handlers use
}

TEST_F(TransportTest, AStreamComesInChunks) {
  application_.on_request = [](const Request&, Exchange& exchange) {
    exchange.BeginStream({});
    exchange.WriteStream("one");
    exchange.WriteStream("three");
    exchange.EndStream();
  };
  Start();
  const std::string answer = Send(kLastGet);
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"));
  const std::string old = Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old, EndsWith("\r\n\r\nonethree"));
}

TEST_F(TransportTest, AnAnswerThatIsNotWholeIsCut) {
  application_.on_request = [](const Request&, Exchange& exchange) {
    exchange.BeginStream({});
    exchange.WriteStream("one");
  };
  Start();
  EXPECT_THAT(Send(kGet), EndsWith("3\r\none\r\n"));
}

TEST_F(TransportTest, ARequestWithoutAnAnswerIsAnError) {
  application_.on_request = [](const Request&, Exchange&) {};
  Start();
  EXPECT_THAT(Send(kGet), StartsWith("HTTP/1.1 500"));
}

TEST_F(TransportTest, HeadHasNoBody) {
  Start();
  const std::string answer = Send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(TransportTest, AReaderThatStallsIsDropped) {
  options_.write_timeout = milliseconds(50);
  Flag done;
  application_.on_request = [&](const Request&, Exchange& exchange) {
    exchange.BeginStream({});
    const std::string piece(16 << 10, 'x');
    while (exchange.WriteStream(piece)) {
    }
    done.Set();
  };
  Start();
  RawClient client(transport_->port());
  client.Send(kGet);
  EXPECT_TRUE(done.Wait());
  transport_->Stop();  // before what its handlers use
}

TEST_F(TransportTest, StopCancelsWhatIsHandledAndClosesTheRest) {
  Flag handling;
  application_.on_request = [&](const Request&, Exchange& exchange) {
    Flag cancelled;
    const Cancellation::Subscription subscription(exchange.cancellation(),
                                                  [&] { cancelled.Set(); });
    handling.Set();
    EXPECT_TRUE(cancelled.Wait());
  };
  Start();
  RawClient busy(transport_->port());
  RawClient idle(transport_->port());
  busy.Send(kGet);
  ASSERT_TRUE(handling.Wait());
  transport_->Stop();
  transport_->Stop();
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_FALSE(RawClient(transport_->port()).connected());
}

TEST_F(TransportTest, ManyClientsAtOnce) {
  Start();
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 50; ++j) good += Send(kLastGet).ends_with("GET /b ");
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 400);
  EXPECT_EQ(application_.handled, 400);
}

TEST(Transport, ABusyPortIsUnavailable) {
  EchoApplication application;
  TransportOptions options;
  options.host = "127.0.0.1";
  const auto first = Transport::Start(options, application);
  ASSERT_TRUE(first.ok());
  options.port = first.value()->port();
  EXPECT_EQ(Transport::Start(options, application).status().code(), StatusCode::kUnavailable);
}

TEST(IsLoopbackHost, KnowsAddresses) {
  EXPECT_TRUE(*IsLoopbackHost("127.0.0.1"));
  EXPECT_TRUE(*IsLoopbackHost("127.9.9.9"));
  EXPECT_TRUE(*IsLoopbackHost("::1"));
  EXPECT_TRUE(*IsLoopbackHost("localhost"));
  EXPECT_FALSE(*IsLoopbackHost("0.0.0.0"));
  EXPECT_FALSE(*IsLoopbackHost("::"));
  EXPECT_EQ(IsLoopbackHost("example.com").status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace moira::server
