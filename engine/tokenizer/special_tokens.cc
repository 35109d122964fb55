#include "engine/tokenizer/special_tokens.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace moira::engine {
namespace {

constexpr std::string_view kAsciiSpace = " \t\n\v\f\r";

// Phi-3's tokenizer strips the space after its special tokens except these.
constexpr std::string_view kNeverStrip[] = {"<unk>", "<s>", "<|endoftext|>"};

unsigned Unsigned(char byte) { return static_cast<unsigned char>(byte); }

bool Overlaps(std::span<const TextRange> ranges, size_t begin, size_t end) {
  const auto first = std::partition_point(ranges.begin(), ranges.end(),
                                          [&](const TextRange& r) { return r.end <= begin; });
  return first != ranges.end() && first->begin < end;
}

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary, bool strips_right) {
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    const TokenKind kind = vocabulary.kind(token);
    if (kind != TokenKind::kControl && kind != TokenKind::kUnknown &&
        kind != TokenKind::kUserDefined) {
      continue;
    }
    const std::string_view spelling = vocabulary.spelling(token);
    const bool never = std::find(std::begin(kNeverStrip), std::end(kNeverStrip), spelling) !=
                       std::end(kNeverStrip);
    entries_.push_back({spelling, token, kind == TokenKind::kUserDefined, strips_right && !never});
    ++first_[Unsigned(spelling[0]) + 1];
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.spelling < b.spelling; });
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
}

std::optional<SpecialTokens::Match> SpecialTokens::FindAt(std::string_view text, size_t begin,
                                                          const EncodeOptions& options) const {
  std::optional<Match> longest;
  // The entries that begin with the `depth` bytes of text from `begin` on, but that are longer.
  auto low = entries_.begin() + static_cast<ptrdiff_t>(first_[Unsigned(text[begin])]);
  auto high = entries_.begin() + static_cast<ptrdiff_t>(first_[Unsigned(text[begin]) + 1]);
  for (size_t depth = 1; low != high; ++depth) {
    const size_t end = begin + depth;
    if (low->spelling.size() == depth) {
      const bool allowed = low->is_user_defined ||
                           (options.parse_special && !Overlaps(options.untrusted, begin, end));
      if (allowed) longest = {end, low->token, low->strips_right};
      ++low;
    }
    if (end == text.size()) break;
    const unsigned next = Unsigned(text[end]);
    low = std::partition_point(low, high,
                               [&](const Entry& e) { return Unsigned(e.spelling[depth]) < next; });
    high = std::partition_point(
        low, high, [&](const Entry& e) { return Unsigned(e.spelling[depth]) == next; });
  }
  return longest;
}

std::vector<Fragment> SpecialTokens::Split(std::string_view text,
                                           const EncodeOptions& options) const {
  std::vector<Fragment> fragments;
  size_t text_begin = 0;
  for (size_t at = 0; at < text.size();) {
    const std::optional<Match> match = FindAt(text, at, options);
    if (!match) {
      ++at;
      continue;
    }
    if (at > text_begin) fragments.push_back({{text_begin, at}, std::nullopt});
    fragments.push_back({{at, match->end}, match->token});
    at = match->end;
    if (match->strips_right) at = std::min(text.find_first_not_of(kAsciiSpace, at), text.size());
    text_begin = at;
  }
  if (text_begin < text.size()) fragments.push_back({{text_begin, text.size()}, std::nullopt});
  return fragments;
}

}  // namespace moira::engine
