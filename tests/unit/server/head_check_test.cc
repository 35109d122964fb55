#include "server/http/head_check.h"

#include <gtest/gtest.h>

namespace moira::server {
namespace {

constexpr size_t kMaxBody = 1000;

RequestHead Post() { return {"POST", "/x", 11, {{"Host", "localhost"}, {"Content-Length", "10"}}}; }

RequestHead With(RequestHead head, std::string name, std::string value) {
  head.fields.emplace_back(std::move(name), std::move(value));
  return head;
}

int StatusOf(const RequestHead& head) {
  const auto fault = CheckHead(head, kMaxBody);
  return fault ? fault->status : 0;
}

TEST(CheckHead, TakesOrdinaryRequests) {
  EXPECT_EQ(StatusOf(Post()), 0);
  EXPECT_EQ(StatusOf({"GET", "/x?y=1", 11, {{"host", "a"}}}), 0);
  EXPECT_EQ(StatusOf({"GET", "/", 10, {}}), 0);
  EXPECT_EQ(StatusOf(With(Post(), "Expect", "100-continue")), 0);
}

TEST(CheckHead, RefusesDoubtfulFraming) {
  EXPECT_EQ(StatusOf(With(Post(), "Transfer-Encoding", "chunked")), 501);
  EXPECT_EQ(StatusOf(With(Post(), "content-length", "10")), 400);
  EXPECT_EQ(StatusOf(With(Post(), "Content-Encoding", "gzip")), 415);
  EXPECT_EQ(StatusOf({"POST", "/", 11, {{"Host", "a"}}}), 411);
  for (const char* length : {"", "-1", "+1", "1a", "0x10", " 1", "1,1", "99999999999999999999"}) {
    EXPECT_EQ(StatusOf({"POST", "/", 11, {{"Host", "a"}, {"Content-Length", length}}}), 400)
        << length;
  }
  EXPECT_EQ(StatusOf({"POST", "/", 11, {{"Host", "a"}, {"Content-Length", "1000"}}}), 0);
  EXPECT_EQ(StatusOf({"POST", "/", 11, {{"Host", "a"}, {"Content-Length", "1001"}}}), 413);
  EXPECT_EQ(StatusOf({"GET", "/", 11, {{"Host", "a"}, {"Content-Length", "5"}}}), 400);
}

TEST(CheckHead, RefusesOddHeads) {
  EXPECT_EQ(StatusOf({"POST", "/", 20, {{"Host", "a"}}}), 505);
  EXPECT_EQ(StatusOf({"BREW", "/", 11, {{"Host", "a"}}}), 405);
  EXPECT_EQ(StatusOf({"GET", "/", 11, {}}), 400);
  EXPECT_EQ(StatusOf(With(Post(), "Host", "b")), 400);
  EXPECT_EQ(StatusOf({"GET", "http://x/", 11, {{"Host", "a"}}}), 400);
  EXPECT_EQ(StatusOf({"GET", "/\x01", 11, {{"Host", "a"}}}), 400);
  EXPECT_EQ(StatusOf({"GET", "/" + std::string(kMaxTargetBytes, 'a'), 11, {{"Host", "a"}}}), 414);
  EXPECT_EQ(StatusOf(With(Post(), "REMOTE_ADDR", "1")), 400);
  EXPECT_EQ(StatusOf(With(Post(), "X", std::string("a\0b", 3))), 400);
  EXPECT_EQ(StatusOf(With(Post(), "Upgrade", "h2c")), 501);
  EXPECT_EQ(StatusOf(With(Post(), "Expect", "tea")), 417);
  RequestHead many = Post();
  while (many.fields.size() <= kMaxHeaderFields) many.fields.emplace_back("A", "b");
  EXPECT_EQ(StatusOf(many), 431);
}

TEST(WantsKeepAlive, FollowsVersionAndField) {
  EXPECT_TRUE(WantsKeepAlive(Post()));
  EXPECT_FALSE(WantsKeepAlive(With(Post(), "Connection", "Close")));
  EXPECT_FALSE(WantsKeepAlive({"GET", "/", 10, {}}));
  EXPECT_TRUE(WantsKeepAlive({"GET", "/", 10, {{"connection", "Keep-Alive"}}}));
}

}  // namespace
}  // namespace moira::server
