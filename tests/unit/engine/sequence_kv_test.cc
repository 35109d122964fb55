#include "engine/sequence_kv.h"

#include <gtest/gtest.h>

#include <memory>

#include "cache/device/host_device.h"
#include "engine/model/executor.h"
#include "tests/unit/engine/fake_executor.h"

namespace moira::engine {
namespace {

constexpr size_t kPage = kKvPageTokens;

class SequenceKvTest : public ::testing::Test {
 protected:
  SequenceKvTest() {
    device_ = CreateHostDevice(std::nullopt, nullptr);
    pool_ = cache::KvPagePool::Create(*device_, FakeExecutor::kPageBytes, 8).value();
    budget_ = std::make_unique<KvBudget>(*pool_);
  }

  // A sequence that has computed `tokens` and is gone.
  void ComputeAndRegister(const std::vector<TokenId>& tokens) {
    SequenceKv kv(*budget_);
    ASSERT_TRUE(kv.Reserve(tokens.size()));
    kv.Extend(tokens.size());
    kv.RegisterFull(tokens, tokens.size());
  }

  std::unique_ptr<Device> device_;
  std::unique_ptr<cache::KvPagePool> pool_;
  std::unique_ptr<KvBudget> budget_;
};

TEST(KvPagesFor, RoundsUp) {
  EXPECT_EQ(KvPagesFor(0), 0u);
  EXPECT_EQ(KvPagesFor(1), 1u);
  EXPECT_EQ(KvPagesFor(kPage), 1u);
  EXPECT_EQ(KvPagesFor(kPage + 1), 2u);
}

TEST_F(SequenceKvTest, PromisesAreNotGivenTwice) {
  SequenceKv a(*budget_), b(*budget_), c(*budget_);
  EXPECT_TRUE(a.Reserve(5 * kPage));
  EXPECT_EQ(pool_->stats().in_use, 0u);  // a promise takes no page
  EXPECT_FALSE(b.Reserve(4 * kPage));
  EXPECT_TRUE(b.Reserve(3 * kPage));
  EXPECT_FALSE(c.Reserve(1));
  a.Extend(kPage + 1);
  EXPECT_EQ(a.pages().size(), 2u);
  EXPECT_EQ(pool_->stats().in_use, 2u);
  EXPECT_EQ(budget_->unpromised(), 0u);
  a.Extend(5 * kPage);
  b.Extend(3 * kPage);
  EXPECT_EQ(pool_->stats().in_use, 8u);
}

TEST_F(SequenceKvTest, TheEndGivesPagesAndPromisesBack) {
  {
    SequenceKv kv(*budget_);
    ASSERT_TRUE(kv.Reserve(6 * kPage));
    kv.Extend(2 * kPage);
  }
  EXPECT_EQ(budget_->unpromised(), 8u);
  EXPECT_EQ(pool_->stats().in_use, 0u);
}

TEST_F(SequenceKvTest, FindsTheLongestPrefixOfFullPages) {
  const auto text = FakePrompt(3 * kPage + 5, 1);
  ComputeAndRegister(text);
  EXPECT_EQ(pool_->stats().cached, 3u);

  auto longer = text;
  longer.insert(longer.end(), 10, 3);
  SequenceKv kv(*budget_);
  ASSERT_TRUE(kv.Reserve(longer.size()));
  EXPECT_EQ(kv.ReusePrefix(longer), 3 * kPage);
  EXPECT_EQ(kv.pages().size(), 3u);
  EXPECT_EQ(budget_->unpromised(), 8 - KvPagesFor(longer.size()));

  auto other_second_page = text;
  other_second_page[kPage + 1] ^= 1;
  SequenceKv partly(*budget_);
  ASSERT_TRUE(partly.Reserve(other_second_page.size()));
  EXPECT_EQ(partly.ReusePrefix(other_second_page), kPage);
}

TEST_F(SequenceKvTest, LeavesATokenToCompute) {
  const auto text = FakePrompt(2 * kPage, 1);
  ComputeAndRegister(text);
  SequenceKv same(*budget_);
  ASSERT_TRUE(same.Reserve(text.size()));
  EXPECT_EQ(same.ReusePrefix(text), kPage);
}

TEST_F(SequenceKvTest, TheSameTokensAfterAnotherPrefixAreNotFound) {
  const auto text = FakePrompt(2 * kPage, 1);
  ComputeAndRegister(text);
  auto shifted = std::vector<TokenId>(text.begin() + kPage, text.end());
  shifted.insert(shifted.end(), kPage, 1);
  SequenceKv kv(*budget_);
  ASSERT_TRUE(kv.Reserve(shifted.size()));
  EXPECT_EQ(kv.ReusePrefix(shifted), 0u);
}

TEST_F(SequenceKvTest, RegistersOnlyWhatWasComputed) {
  const auto text = FakePrompt(3 * kPage, 1);
  {
    SequenceKv kv(*budget_);
    ASSERT_TRUE(kv.Reserve(text.size()));
    kv.Extend(text.size());
    kv.RegisterFull(text, 2 * kPage - 1);
  }
  EXPECT_EQ(pool_->stats().cached, 1u);
}

TEST_F(SequenceKvTest, GoesOnRegisteringBehindAReusedPrefix) {
  const auto text = FakePrompt(4 * kPage, 1);
  ComputeAndRegister({text.begin(), text.begin() + 2 * kPage});
  {
    SequenceKv kv(*budget_);
    ASSERT_TRUE(kv.Reserve(text.size()));
    ASSERT_EQ(kv.ReusePrefix(text), 2 * kPage);
    kv.Extend(text.size());
    kv.RegisterFull(text, 3 * kPage);
    kv.RegisterFull(text, 4 * kPage);
  }
  auto longer = text;
  longer.push_back(1);
  SequenceKv kv(*budget_);
  ASSERT_TRUE(kv.Reserve(longer.size()));
  EXPECT_EQ(kv.ReusePrefix(longer), 4 * kPage);
}

TEST_F(SequenceKvTest, CachedPagesAreGivenUpForNewText) {
  ComputeAndRegister(FakePrompt(8 * kPage, 1));
  SequenceKv kv(*budget_);
  ASSERT_TRUE(kv.Reserve(8 * kPage));
  kv.Extend(8 * kPage);
  EXPECT_EQ(pool_->stats().in_use, 8u);
}

}  // namespace
}  // namespace moira::engine
