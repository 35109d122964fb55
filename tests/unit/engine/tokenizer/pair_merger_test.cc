#include "engine/tokenizer/pair_merger.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace moira::engine {
namespace {

using Merger = PairMerger<int>;
using Rules = std::map<std::pair<uint32_t, uint32_t>, Merger::Merge>;

std::optional<Merger::Merge> Find(const Rules& rules, uint32_t left, uint32_t right) {
  const auto rule = rules.find({left, right});
  if (rule == rules.end()) return std::nullopt;
  return rule->second;
}

// The definition, at the price of O(n^2).
std::vector<uint32_t> MergeNaively(std::vector<uint32_t> symbols, const Rules& rules) {
  while (true) {
    size_t best = 0;
    std::optional<Merger::Merge> merge;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = Find(rules, symbols[i], symbols[i + 1]);
      if (found && (!merge || found->priority < merge->priority)) {
        merge = found;
        best = i;
      }
    }
    if (!merge) return symbols;
    symbols[best] = merge->symbol;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(PairMerger, DoesWhatTheDefinitionSays) {
  std::mt19937 random(7);
  Merger merger;
  for (int round = 0; round < 2000; ++round) {
    Rules rules;
    for (size_t i = random() % 12; i > 0; --i) {
      rules[{random() % 5, random() % 5}] = {static_cast<int>(random() % 4),
                                             static_cast<uint32_t>(random() % 5)};
    }
    std::vector<uint32_t> symbols(random() % 30);
    merger.Clear();
    for (size_t i = 0; i < symbols.size(); ++i) {
      symbols[i] = static_cast<uint32_t>(random() % 5);
      merger.Add(i, 1, symbols[i]);
    }
    merger.Run([&](const Merger::Piece& left, const Merger::Piece& right) {
      return Find(rules, left.symbol, right.symbol);
    });
    std::vector<uint32_t> merged;
    size_t end = 0;
    merger.ForEach([&](const Merger::Piece& piece) {
      merged.push_back(piece.symbol);
      ASSERT_EQ(piece.begin, end);
      end = piece.begin + piece.length;
    });
    ASSERT_EQ(merged, MergeNaively(symbols, rules));
    ASSERT_EQ(end, symbols.size());
  }
}

}  // namespace
}  // namespace moira::engine
