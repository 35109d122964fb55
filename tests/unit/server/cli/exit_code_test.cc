#include "server/cli/exit_code.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace moira::server {
namespace {

TEST(ExitCodeTest, EveryFailureHasACodeThatTheDocumentListsByName) {
  std::ifstream file(MOIRA_SOURCE_DIR "/deploy/docs/exit-codes.md");
  ASSERT_TRUE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  for (StatusCode code :
       {StatusCode::kOk, StatusCode::kInvalidArgument, StatusCode::kNotFound,
        StatusCode::kInvalidData, StatusCode::kUnsupported, StatusCode::kResourceExhausted,
        StatusCode::kUnavailable, StatusCode::kIoError, StatusCode::kCancelled,
        StatusCode::kDeadlineExceeded, StatusCode::kInternal}) {
    std::string row =
        "| " + std::to_string(ExitCode(code)) + " | " + std::string(StatusCodeName(code)) + " |";
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
    EXPECT_EQ(code == StatusCode::kOk, ExitCode(code) == 0);
  }
}

TEST(ExitCodeTest, ReportWritesOneLineForAFailureOnly) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Report(Status()), 0);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Report(NotFound("model.gguf: no such file")), 66);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "moira: model.gguf: no such file\n");
}

}  // namespace
}  // namespace moira::server
