#include "cache/device/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moira {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

constexpr char kTime[] = "[0-9-]+T[0-9:.]+[+-][0-9][0-9]:[0-9][0-9]";

class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { ConfigureLog(LogLevel::kInfo, LogFormat::kText); }
};

TEST_F(LogTest, TextIsOneLinePerMessage) {
  ConfigureLog(LogLevel::kDebug, LogFormat::kText);
  CaptureStderr();
  LogDebug("one\ntwo {}");
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex(kTime + std::string(" debug one\\\\ntwo \\{\\}\n")));
}

TEST_F(LogTest, JsonIsOneObjectPerMessage) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  CaptureStderr();
  LogWarning("a \"b\" %v");
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex("\\{\"time\":\"" + std::string(kTime) +
                           "\",\"level\":\"warning\",\"message\":\"a \\\\\"b\\\\\" %v\"\\}\n"));
}

TEST_F(LogTest, LevelsBelowTheConfiguredOneAreSilent) {
  ConfigureLog(LogLevel::kWarning, LogFormat::kText);
  CaptureStderr();
  LogDebug("d");
  LogInfo("i");
  LogWarning("w-shown");
  LogError("e-shown");
  std::string output = GetCapturedStderr();
  EXPECT_THAT(output, HasSubstr("warning w-shown\n"));
  EXPECT_THAT(output, HasSubstr("error e-shown\n"));
  EXPECT_THAT(output, Not(HasSubstr(" info ")));
  EXPECT_THAT(output, Not(HasSubstr(" debug ")));
  ConfigureLog(LogLevel::kOff, LogFormat::kText);
  CaptureStderr();
  LogError("never");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST_F(LogTest, LevelsAreParsed) {
  EXPECT_EQ(ParseLogLevel("debug").value(), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("info").value(), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warning").value(), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("error").value(), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("off").value(), LogLevel::kOff);
  for (const char* text : {"", "Info", "trace", "info "}) {
    EXPECT_EQ(ParseLogLevel(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseLogLevel("loud").status().message(),
            "log level 'loud' is not one of debug, info, warning, error, off");
}

}  // namespace
}  // namespace moira
