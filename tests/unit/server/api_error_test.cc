#include "server/api/api_error.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace moira::server {
namespace {

std::string FieldOf(const Response& response, const std::string& name) {
  const auto found = std::find_if(response.fields.begin(), response.fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == response.fields.end() ? "" : found->second;
}

TEST(ErrorBody, HasOpenAisShape) {
  EXPECT_EQ(ErrorBody(FieldError("top_p", "too \"big\"")),
            R"({"error":{"message":"too \"big\"","type":"invalid_request_error",)"
            R"("param":"top_p","code":null}})");
}

TEST(ErrorBody, ReplacesWhatIsNoUtf8) {
  EXPECT_NE(ErrorBody(TransportError(400, "a\xff")).find("a\xEF\xBF\xBD"), std::string::npos);
}

TEST(Errors, HaveTheCodesThatClientsLookFor) {
  EXPECT_EQ(UnknownModelError("x").http_status, 404);
  EXPECT_EQ(UnknownModelError("x").code, "model_not_found");
  EXPECT_EQ(ContextLengthError(10, 8).http_status, 400);
  EXPECT_EQ(ContextLengthError(10, 8).code, "context_length_exceeded");
  EXPECT_EQ(InvalidKeyError(true).http_status, 401);
  EXPECT_EQ(InvalidKeyError(true).code, "invalid_api_key");
  EXPECT_EQ(OverloadedError(7).http_status, 429);
  EXPECT_EQ(OverloadedError(7).code, "rate_limit_exceeded");
  EXPECT_EQ(UnavailableError("loading", 5).http_status, 503);
  EXPECT_EQ(UnavailableError("loading", 5).code, "loading");
}

TEST(ErrorResponse, TellsWhenToTryAgainAndHowToAuthenticate) {
  EXPECT_EQ(FieldOf(ErrorResponse(OverloadedError(7)), "Retry-After"), "7");
  EXPECT_EQ(FieldOf(ErrorResponse(UnavailableError("draining", 2)), "Retry-After"), "2");
  EXPECT_EQ(FieldOf(ErrorResponse(InvalidKeyError(false)), "WWW-Authenticate"), "Bearer");
}

TEST(ErrorOf, MapsTheStatusCodes) {
  const auto http = [](StatusCode code) { return ErrorOf(Status(code, "m"), 3).http_status; };
  EXPECT_EQ(http(StatusCode::kInvalidArgument), 400);
  EXPECT_EQ(http(StatusCode::kUnsupported), 400);
  EXPECT_EQ(http(StatusCode::kNotFound), 404);
  EXPECT_EQ(http(StatusCode::kResourceExhausted), 429);
  EXPECT_EQ(http(StatusCode::kUnavailable), 503);
  EXPECT_EQ(http(StatusCode::kIoError), 500);
  EXPECT_EQ(ErrorOf(Status(StatusCode::kResourceExhausted, "m"), 3).retry_after, 3);
}

}  // namespace
}  // namespace moira::server
