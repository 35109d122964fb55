#include "server/http/socket_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace moira::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class SocketExchangeTest : public ::testing::Test {
 protected:
  SocketExchangeTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets_), 0); }
  ~SocketExchangeTest() override {
    ::close(sockets_[0]);
    if (sockets_[1] >= 0) ::close(sockets_[1]);
  }

  ExchangeOptions Options() const { return {.socket = sockets_[0]}; }
  // What was written so far.
  std::string Received() const {
    char buffer[4096];
    const ssize_t got = ::recv(sockets_[1], buffer, sizeof buffer, MSG_DONTWAIT);
    return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
  }
  void PeerCloses() {
    ::close(sockets_[1]);
    sockets_[1] = -1;
  }

  int sockets_[2];
  Cancellation cancellation_;
};

Response Text(const std::string& body) {
  Response response;
  response.body = body;
  return response;
}

TEST_F(SocketExchangeTest, AWholeAnswerCanBeFollowedByAnother) {
  SocketExchange exchange(Options(), cancellation_);
  EXPECT_FALSE(exchange.answered());
  EXPECT_TRUE(exchange.Send(Text("body")));
  EXPECT_THAT(Received(), EndsWith("\r\n\r\nbody"));
  EXPECT_TRUE(exchange.answered());
  EXPECT_TRUE(exchange.reusable());
}

TEST_F(SocketExchangeTest, AnAnswerThatClosesEndsTheConnection) {
  SocketExchange exchange(Options(), cancellation_);
  Response response = Text("x");
  response.close = true;
  EXPECT_TRUE(exchange.Send(response));
  EXPECT_THAT(Received(), HasSubstr("Connection: close"));
  EXPECT_FALSE(exchange.reusable());
}

TEST_F(SocketExchangeTest, AStreamIsOnlyReusableAfterItsEnd) {
  SocketExchange exchange(Options(), cancellation_);
  EXPECT_TRUE(exchange.BeginStream({}));
  EXPECT_TRUE(exchange.WriteStream("abc"));
  EXPECT_FALSE(exchange.reusable());
  EXPECT_TRUE(exchange.EndStream());
  EXPECT_TRUE(exchange.reusable());
  EXPECT_THAT(Received(), EndsWith("3\r\nabc\r\n0\r\n\r\n"));
}

TEST_F(SocketExchangeTest, SaysWhenThePeerIsGone) {
  PeerCloses();
  SocketExchange exchange(Options(), cancellation_);
  EXPECT_FALSE(exchange.Send(Text("x")));
  EXPECT_FALSE(exchange.reusable());
}

TEST_F(SocketExchangeTest, GivesUpOnAPeerThatDoesNotRead) {
  ExchangeOptions options = Options();
  options.write_timeout = std::chrono::milliseconds(1);
  SocketExchange exchange(options, cancellation_);
  EXPECT_TRUE(exchange.BeginStream({}));
  const std::string piece(4096, 'x');
  while (exchange.WriteStream(piece)) {
  }
  EXPECT_FALSE(exchange.EndStream());
}

TEST_F(SocketExchangeTest, AWriterThatWaitsSeesTheCancellation) {
  ExchangeOptions options = Options();
  options.write_timeout = std::chrono::hours(1);
  SocketExchange exchange(options, cancellation_);
  EXPECT_TRUE(exchange.BeginStream({}));
  cancellation_.Cancel();
  const std::string piece(4096, 'x');
  while (exchange.WriteStream(piece)) {
  }
  EXPECT_FALSE(exchange.reusable());
}

}  // namespace
}  // namespace moira::server
