#include "server/api/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace moira::server {
namespace {

using ::testing::ElementsAre;

Result<std::vector<std::string>> ReadText(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/keys_" +
                           ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::ofstream(path) << text;
  auto keys = ReadApiKeyFile(path);
  std::filesystem::remove(path);
  return keys;
}

TEST(ReadApiKeyFile, OneKeyALine) {
  const auto keys = ReadText("# mine\n alpha \r\n\nbeta\n#gamma");
  ASSERT_TRUE(keys.ok());
  EXPECT_THAT(*keys, ElementsAre("alpha", "beta"));
}

TEST(ReadApiKeyFile, RefusesWhatIsNoKeyFile) {
  EXPECT_EQ(ReadApiKeyFile("/nowhere/keys").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ReadText("# only words\n").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadText("a b\n").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadText(std::string(257, 'k')).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(ReadText(std::string(256, 'k')).ok());
}

TEST(ApiKeys, AcceptsOnlyWholeKeys) {
  const ApiKeys keys({"secret-one", "secret-two", std::string(256, 'k')});
  EXPECT_TRUE(keys.required());
  EXPECT_TRUE(keys.Accepts("secret-one"));
  EXPECT_TRUE(keys.Accepts("secret-two"));
  EXPECT_TRUE(keys.Accepts(std::string(256, 'k')));
  for (const std::string& wrong :
       {std::string(), std::string("secret-on"), std::string("secret-one "),
        std::string("Secret-one"), std::string("secret-one\0", 11), std::string(257, 'k')}) {
    EXPECT_FALSE(keys.Accepts(wrong)) << wrong;
  }
}

TEST(ApiKeys, NoneMeansOpen) { EXPECT_FALSE(ApiKeys({}).required()); }

}  // namespace
}  // namespace moira::server
