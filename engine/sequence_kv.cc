#include "engine/sequence_kv.h"

#include "engine/model/executor.h"

namespace moira::engine {

size_t KvPagesFor(size_t tokens) { return (tokens + kKvPageTokens - 1) / kKvPageTokens; }

SequenceKv::~SequenceKv() {
  budget_.promised_ -= promised_;
  for (cache::KvPageId page : pages_) budget_.pool_.Release(page);
}

bool SequenceKv::Reserve(size_t most_tokens) {
  const size_t pages = KvPagesFor(most_tokens);
  if (pages > budget_.unpromised()) return false;
  promised_ = pages;
  budget_.promised_ += pages;
  return true;
}

size_t SequenceKv::ReusePrefix(std::span<const TokenId> prompt) {
  while (prompt.size() - pages_.size() * kKvPageTokens > kKvPageTokens) {
    const auto found =
        budget_.pool_.Find(prefix_, prompt.subspan(pages_.size() * kKvPageTokens, kKvPageTokens));
    if (!found.has_value()) break;
    pages_.push_back(found->page);
    prefix_ = found->prefix;
    --promised_;
    --budget_.promised_;
  }
  registered_ = pages_.size();
  return pages_.size() * kKvPageTokens;
}

void SequenceKv::Extend(size_t tokens) {
  const size_t wanted = KvPagesFor(tokens);
  pages_.reserve(wanted);
  while (pages_.size() < wanted) {
    pages_.push_back(budget_.pool_.Allocate().value());
    --promised_;
    --budget_.promised_;
  }
}

void SequenceKv::RegisterFull(std::span<const TokenId> tokens, size_t computed) {
  for (; (registered_ + 1) * kKvPageTokens <= computed; ++registered_) {
    prefix_ = budget_.pool_.Register(pages_[registered_], prefix_,
                                     tokens.subspan(registered_ * kKvPageTokens, kKvPageTokens));
  }
}

}  // namespace moira::engine
