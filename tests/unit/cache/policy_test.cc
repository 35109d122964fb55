#include "cache/policy.h"

#include <gtest/gtest.h>

namespace moira::cache {
namespace {

TEST(PolicyTest, NamesInTheTableMakePolicies) {
  for (const char* name : {"lru", "decayed"}) {
    Result<std::unique_ptr<ReplacementPolicy>> policy = CreatePolicy(name, 4);
    ASSERT_TRUE(policy.ok());
    EXPECT_NE(*policy, nullptr);
    EXPECT_NE(PolicyNames().find(name), std::string::npos);
  }
}

TEST(PolicyTest, UnknownNameIsRefusedWithTheKnownOnes) {
  const Status status = CreatePolicy("mru", 4).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("'mru'"), std::string::npos);
  EXPECT_NE(status.message().find(PolicyNames()), std::string::npos);
}

}  // namespace
}  // namespace moira::cache
