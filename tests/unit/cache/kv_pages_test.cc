#include "cache/kv_pages.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "cache/device/host_device.h"

namespace moira::cache {
namespace {

using Tokens = std::vector<int32_t>;
constexpr KvPagePool::PrefixId kEmpty = KvPagePool::kEmptyPrefix;

class KvPagesTest : public testing::Test {
 protected:
  std::unique_ptr<KvPagePool> MakePool(size_t pages, size_t page_bytes = 64) {
    Result<std::unique_ptr<KvPagePool>> pool = KvPagePool::Create(*device_, page_bytes, pages);
    EXPECT_TRUE(pool.ok()) << pool.status().message();
    return std::move(pool).value();
  }

  std::unique_ptr<Device> device_ = CreateHostDevice(std::nullopt, nullptr);
};

TEST_F(KvPagesTest, PagesAreDistinctMemoryUntilAllAreInUse) {
  auto pool = MakePool(3);
  std::set<std::byte*> memory;
  for (int i = 0; i < 3; ++i) {
    const std::optional<KvPageId> page = pool->Allocate();
    ASSERT_TRUE(page);
    memory.insert(pool->Page(*page));
    std::fill_n(pool->Page(*page), pool->page_bytes(), std::byte{1});
  }
  EXPECT_EQ(memory.size(), 3u);
  EXPECT_EQ(pool->available(), 0u);
  EXPECT_FALSE(pool->Allocate());
  EXPECT_EQ(pool->stats().in_use, 3u);
  EXPECT_EQ(pool->stats().evictions, 0u);
}

TEST_F(KvPagesTest, SizesThatCannotBeAreRefused) {
  EXPECT_EQ(KvPagePool::Create(*device_, 0, 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(KvPagePool::Create(*device_, SIZE_MAX / 2, 3).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(KvPagePool::Create(*device_, 1, size_t{1} << 40).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(KvPagesTest, FindNeedsTheSamePrefixAndTheSameTokens) {
  auto pool = MakePool(4);
  const KvPageId a = *pool->Allocate();
  const KvPageId b = *pool->Allocate();
  const auto after_a = pool->Register(a, kEmpty, Tokens{1, 2});
  const auto after_b = pool->Register(b, after_a, Tokens{3, 4});
  EXPECT_NE(after_a, after_b);
  EXPECT_FALSE(pool->Find(kEmpty, Tokens{3, 4}));
  EXPECT_FALSE(pool->Find(kEmpty, Tokens{1}));
  EXPECT_FALSE(pool->Find(after_b, Tokens{3, 4}));
  const auto found = pool->Find(after_a, Tokens{3, 4});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->page, b);
  EXPECT_EQ(found->prefix, after_b);
  EXPECT_EQ(pool->stats().prefix_hits, 1u);
}

TEST_F(KvPagesTest, SecondPageWithTheSameContentGetsTheFirstOnesId) {
  auto pool = MakePool(2);
  const KvPageId a = *pool->Allocate();
  const KvPageId b = *pool->Allocate();
  const auto id = pool->Register(a, kEmpty, Tokens{1});
  EXPECT_EQ(pool->Register(b, kEmpty, Tokens{1}), id);
  pool->Release(b);
  EXPECT_EQ(pool->stats().cached, 0u) << "b holds nothing that is findable";
  EXPECT_EQ(pool->Find(kEmpty, Tokens{1})->page, a);
}

TEST_F(KvPagesTest, ChainLosesItsEndFirst) {
  auto pool = MakePool(3);
  auto prefix = kEmpty;
  std::vector<KvPageId> pages;
  for (int32_t i = 0; i < 3; ++i) {
    pages.push_back(*pool->Allocate());
    prefix = pool->Register(pages.back(), prefix, Tokens{i});
  }
  for (KvPageId page : pages) pool->Release(page);
  EXPECT_EQ(pool->stats().cached, 3u);
  EXPECT_EQ(pool->Allocate(), pages[2]);
  EXPECT_EQ(pool->stats().evictions, 1u);
  const auto first = pool->Find(kEmpty, Tokens{0});
  ASSERT_TRUE(first);
  const auto second = pool->Find(first->prefix, Tokens{1});
  ASSERT_TRUE(second);
  EXPECT_FALSE(pool->Find(second->prefix, Tokens{2}));
}

TEST_F(KvPagesTest, NothingFollowsAForgottenPage) {
  auto pool = MakePool(3);
  // A second sequence holds its own copy of the first page's content, and goes on after it.
  const KvPageId first = *pool->Allocate();
  const KvPageId copy = *pool->Allocate();
  const KvPageId second = *pool->Allocate();
  const auto id = pool->Register(first, kEmpty, Tokens{1});
  EXPECT_EQ(pool->Register(copy, kEmpty, Tokens{1}), id);
  const auto second_id = pool->Register(second, id, Tokens{2});
  pool->Release(first);
  EXPECT_EQ(pool->Allocate(), first);
  EXPECT_FALSE(pool->Find(kEmpty, Tokens{1}));
  EXPECT_FALSE(pool->Find(id, Tokens{2})) << "its prefix is in no page";
  // Registering after it is allowed and finds nothing.
  EXPECT_NE(pool->Register(copy, second_id, Tokens{3}), kEmpty);
  EXPECT_FALSE(pool->Find(second_id, Tokens{3}));
  pool->Release(second);
  EXPECT_EQ(pool->stats().cached, 0u);
  EXPECT_EQ(pool->available(), 1u);
}

// The same rules as lists that are searched through.
class NaivePool {
 public:
  explicit NaivePool(size_t pages) : pages_(pages) {}

  struct Page {
    int references = 0;
    std::optional<Tokens> text;  // all tokens from the first on, if findable
    uint64_t released = 0;
  };

  size_t available() const {
    return static_cast<size_t>(std::count_if(pages_.begin(), pages_.end(),
                                             [](const Page& p) { return p.references == 0; }));
  }
  size_t cached() const {
    return static_cast<size_t>(std::count_if(
        pages_.begin(), pages_.end(), [](const Page& p) { return p.references == 0 && p.text; }));
  }
  std::optional<KvPageId> Find(const Tokens& text) const {
    for (size_t i = 0; i < pages_.size(); ++i) {
      if (pages_[i].text == text) return static_cast<KvPageId>(i);
    }
    return std::nullopt;
  }
  // Page `id` was given out: right if it was free and unfindable, or if nothing was, and it is a
  // cached one with no cached page after it, whose chain has the least recently released page.
  void CheckAllocated(KvPageId id) {
    Page& page = pages_[id];
    ASSERT_EQ(page.references, 0);
    if (page.text) {
      const Page* oldest = nullptr;
      for (const Page& other : pages_) {
        if (other.references != 0) continue;
        ASSERT_TRUE(other.text) << "a page without content was free";
        if (oldest == nullptr || other.released < oldest->released) oldest = &other;
      }
      ASSERT_TRUE(std::equal(oldest->text->begin(), oldest->text->end(), page.text->begin()))
          << "not in the chain of the least recently used page";
      const Tokens taken = *page.text;
      for (Page& other : pages_) {
        if (!other.text || other.text->size() <= taken.size() ||
            !std::equal(taken.begin(), taken.end(), other.text->begin())) {
          continue;
        }
        // Pages in use that follow it, and what follows those, cannot be found any more.
        ASSERT_TRUE(other.references > 0 || HasUsedBetween(taken, *other.text));
        forgotten_.push_back(&other);
      }
      for (Page* other : forgotten_) other->text.reset();
      forgotten_.clear();
      page.text.reset();
    }
    page.references = 1;
  }

  std::vector<Page> pages_;
  uint64_t clock_ = 0;

 private:
  bool HasUsedBetween(const Tokens& from, const Tokens& to) const {
    return std::any_of(pages_.begin(), pages_.end(), [&](const Page& p) {
      return p.references > 0 && p.text && p.text->size() > from.size() &&
             p.text->size() <= to.size() && std::equal(p.text->begin(), p.text->end(), to.begin());
    });
  }
  std::vector<Page*> forgotten_;
};

// Sequences of random texts over two tokens per page, as an engine would run them.
TEST_F(KvPagesTest, BehavesAsTheNaiveModel) {
  struct Sequence {
    Tokens text;
    std::vector<KvPageId> pages;
    KvPagePool::PrefixId prefix = kEmpty;
  };
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const size_t pages = 2 + random() % 9;
    auto pool = MakePool(pages);
    NaivePool naive(pages);
    std::vector<Sequence> sequences(1 + random() % 4);
    for (int step = 0; step < 1500; ++step) {
      Sequence& sequence = sequences[random() % sequences.size()];
      if (sequence.pages.size() >= 4 || random() % 6 == 0) {
        for (KvPageId page : sequence.pages) {
          pool->Release(page);
          if (--naive.pages_[page].references == 0) naive.pages_[page].released = ++naive.clock_;
        }
        sequence = {};
        continue;
      }
      const Tokens page_text = {static_cast<int32_t>(random() % 2),
                                static_cast<int32_t>(random() % 2)};
      Tokens text = sequence.text;
      text.insert(text.end(), page_text.begin(), page_text.end());
      const bool prefix_lives = sequence.text.empty() || naive.Find(sequence.text);
      const auto expected = naive.Find(text);
      const auto found = pool->Find(sequence.prefix, page_text);
      // A sequence whose prefix was forgotten, and registered anew by another, has a dead id.
      if (!expected) {
        ASSERT_FALSE(found);
      }
      KvPageId page;
      if (found) {
        ASSERT_TRUE(prefix_lives);
        page = found->page;
        ASSERT_EQ(page, expected);
        ++naive.pages_[page].references;
        sequence.prefix = found->prefix;
      } else {
        const std::optional<KvPageId> allocated = pool->Allocate();
        ASSERT_EQ(allocated.has_value(), naive.available() > 0);
        if (!allocated) continue;
        page = *allocated;
        naive.CheckAllocated(page);
        if (HasFatalFailure()) return;
        const auto before = sequence.prefix;
        sequence.prefix = pool->Register(page, before, page_text);
        const auto again = pool->Find(before, page_text);
        if (again) {
          pool->Release(again->page);
          if (again->page == page) naive.pages_[page].text = text;
        }
      }
      sequence.text = text;
      sequence.pages.push_back(page);
      ASSERT_EQ(pool->available(), naive.available());
      ASSERT_EQ(pool->stats().cached, naive.cached());
      ASSERT_EQ(pool->stats().in_use, pages - naive.available());
    }
    EXPECT_GT(pool->stats().prefix_hits, 0u);
  }
}

}  // namespace
}  // namespace moira::cache
