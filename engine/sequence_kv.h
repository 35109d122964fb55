#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cache/kv_pages.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// A page pool and what running sequences were promised of it but have not taken yet: pages are
// taken only when tokens need them, so that a long limit of one request does not push out other
// requests' cached prefixes. Engine thread only.
class KvBudget {
 public:
  explicit KvBudget(cache::KvPagePool& pool) : pool_(pool) {}

  cache::KvPagePool& pool() { return pool_; }
  // Pages that are neither in use nor promised.
  size_t unpromised() const { return pool_.available() - promised_; }

 private:
  friend class SequenceKv;
  cache::KvPagePool& pool_;
  size_t promised_ = 0;
};

// The pages of one sequence, in the order of positions. Full pages are registered under their
// content once they were computed without error, and only then. Releases everything at its end;
// must not outlive the budget. Engine thread only.
class SequenceKv {
 public:
  explicit SequenceKv(KvBudget& budget) : budget_(budget) {}
  ~SequenceKv();
  SequenceKv(const SequenceKv&) = delete;
  SequenceKv& operator=(const SequenceKv&) = delete;

  // Promises pages for `most_tokens`, the longest that the sequence can get; false, and no change,
  // when they are not to be had now. Called once.
  bool Reserve(size_t most_tokens);
  // Takes the longest registered prefix of `prompt` that leaves at least one token to compute;
  // returns its length in tokens, a multiple of the page. After Reserve, before Extend.
  size_t ReusePrefix(std::span<const TokenId> prompt);
  // Makes the pages cover `tokens` positions, which must be within the promise.
  void Extend(size_t tokens);
  // The keys and values of tokens[0, computed) are in the pages: makes the full pages among them
  // findable.
  void RegisterFull(std::span<const TokenId> tokens, size_t computed);

  std::span<const cache::KvPageId> pages() const { return pages_; }

 private:
  KvBudget& budget_;
  std::vector<cache::KvPageId> pages_;
  size_t promised_ = 0;    // pages that it may still take
  size_t registered_ = 0;  // leading pages that are findable
  cache::KvPagePool::PrefixId prefix_ = cache::KvPagePool::kEmptyPrefix;  // of those
};

// Pages that hold `tokens` positions.
size_t KvPagesFor(size_t tokens);

}  // namespace moira::engine
