#include "server/cli/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace moira::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("MOIRA_CTX_SIZE");
    unsetenv("MOIRA_CONFIG");
    unlink(path_.c_str());
  }

  Result<bool> Parse(std::vector<std::string> arguments) {
    return Configure({"serve", "test", std::move(arguments)}, flags_, &positional_);
  }
  void WriteFile(const std::string& text) { std::ofstream(path_) << text; }

  std::string path_ = ::testing::TempDir() + "moira_config_" + std::to_string(getpid()) + ".toml";
  uint32_t ctx_size_ = 1, parallel_ = 1;
  bool json_ = false;
  std::vector<std::string> positional_;
  std::vector<Flag> flags_ = {NumberFlag("-c,--ctx-size", "help", ctx_size_, 0, 100000),
                              NumberFlag("-np,--parallel", "help", parallel_, 1, 16),
                              SwitchFlag("--json", "help", json_)};
};

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFile) {
  WriteFile("ctx-size = 1000\nparallel = 3\n");
  ASSERT_TRUE(Parse({"--config", path_}).ok());
  EXPECT_EQ(ctx_size_, 1000u);
  EXPECT_EQ(parallel_, 3u);
  setenv("MOIRA_CTX_SIZE", "2000", 1);
  ASSERT_TRUE(Parse({"--config", path_}).ok());
  EXPECT_EQ(ctx_size_, 2000u);
  ASSERT_TRUE(Parse({"--config", path_, "-c", "3000"}).ok());
  EXPECT_EQ(ctx_size_, 3000u);
}

TEST_F(ConfigTest, TheFileMayBeNamedByTheEnvironment) {
  WriteFile("json = true\n");
  setenv("MOIRA_CONFIG", path_.c_str(), 1);
  ASSERT_TRUE(Parse({}).ok());
  EXPECT_TRUE(json_);
}

TEST_F(ConfigTest, ShortNamesOfTwoLettersWork) {
  ASSERT_TRUE(Parse({"-np", "8", "--json"}).ok());
  EXPECT_EQ(parallel_, 8u);
  EXPECT_TRUE(json_);
}

TEST_F(ConfigTest, ErrorsNameTheirSource) {
  EXPECT_THAT(Parse({"--parallel", "17"}).status().message(), HasSubstr("--parallel: 17"));
  setenv("MOIRA_CTX_SIZE", "many", 1);
  EXPECT_THAT(Parse({}).status().message(), HasSubstr("MOIRA_CTX_SIZE: \"many\""));
  unsetenv("MOIRA_CTX_SIZE");
  WriteFile("parallel = 0\n");
  EXPECT_THAT(Parse({"--config", path_}).status().message(), HasSubstr(path_ + ": parallel: 0"));
}

TEST_F(ConfigTest, UnknownNamesAreRefused) {
  EXPECT_EQ(Parse({"--no-such-flag"}).status().code(), StatusCode::kInvalidArgument);
  WriteFile("paralel = 2\n");
  EXPECT_THAT(Parse({"--config", path_}).status().message(), HasSubstr("\"paralel\""));
  EXPECT_FALSE(Parse({"--config", path_ + ".absent"}).ok());
}

TEST_F(ConfigTest, HelpPrintsAndDoesNotRun) {
  ::testing::internal::CaptureStdout();
  Result<bool> run = Parse({"--help"});
  std::string help = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(run.ok());
  EXPECT_FALSE(*run);
  EXPECT_THAT(help, HasSubstr("--ctx-size"));
  EXPECT_THAT(help, HasSubstr("MOIRA_CTX_SIZE"));
}

TEST_F(ConfigTest, WordsThatAreNoFlagsArePositional) {
  ASSERT_TRUE(Parse({"hello", "--json", "world"}).ok());
  EXPECT_THAT(positional_, ElementsAre("hello", "world"));
}

}  // namespace
}  // namespace moira::server
