#include "server/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(RequestHead, FindsFieldsInAnyCase) {
  const RequestHead head{"GET", "/a?b=c", 11, {{"X-Key", "1"}, {"x-key", "2"}}};
  EXPECT_EQ(head.Find("X-KEY"), "1");
  EXPECT_EQ(head.Count("x-Key"), 2u);
  EXPECT_EQ(head.Find("none"), "");
  EXPECT_EQ(head.path(), "/a");
}

TEST(ResponseHeadText, IsAWholeHead) {
  Response response;
  response.status = 429;
  response.content_type = "text/x";
  response.body = "12345";
  response.fields = {{"Retry-After", "3"}};
  const std::string text = ResponseHeadText(response, LengthField(response), false);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Type: text/x\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nRetry-After: 3\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(text, HasSubstr(" GMT\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
  EXPECT_THAT(ResponseHeadText(response, {}, true), HasSubstr("Connection: keep-alive"));
}

TEST(ResponseHeadText, NoContentHasNoLength) {
  Response response;
  response.status = 204;
  EXPECT_THAT(ResponseHeadText(response, LengthField(response), true),
              Not(HasSubstr("Content-Length")));
}

TEST(ChunkText, HasItsLengthInHexadecimal) {
  EXPECT_EQ(ChunkText("hello"), "5\r\nhello\r\n");
  EXPECT_THAT(ChunkText(std::string(256, 'x')), StartsWith("100\r\n"));
}

}  // namespace
}  // namespace moira::server
