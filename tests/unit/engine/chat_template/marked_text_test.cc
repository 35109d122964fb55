#include "engine/chat_template/marked_text.h"

#include <gtest/gtest.h>

#include <random>

namespace moira::engine::jinja {
namespace {

// One flag a byte: the plain model of the marks.
std::vector<bool> Flags(const MarkedText& text) {
  std::vector<bool> flags(text.size(), false);
  size_t last = 0;
  for (const TextRange& range : text.untrusted()) {
    EXPECT_LT(range.begin, range.end);
    EXPECT_TRUE(last < range.begin || range.begin == 0);  // neither overlapping nor adjacent
    EXPECT_LE(range.end, text.size());
    for (size_t i = range.begin; i < range.end; ++i) flags[i] = true;
    last = range.end;
  }
  return flags;
}

TEST(MarkedText, AgreesWithAFlagPerByte) {
  std::mt19937 random(3);
  MarkedText text;
  std::string bytes;
  std::vector<bool> flags;
  for (int round = 0; round < 3000; ++round) {
    switch (random() % 3) {
      case 0: {
        const std::string piece(random() % 4, static_cast<char>('a' + random() % 26));
        const bool untrusted = random() % 2 == 0;
        text.Append(piece, untrusted);
        bytes += piece;
        flags.insert(flags.end(), piece.size(), untrusted);
        break;
      }
      case 1: {  // a part of itself at the end
        const size_t begin = random() % (bytes.size() + 1);
        const size_t end = begin + random() % (std::min<size_t>(bytes.size() - begin, 6) + 1);
        const MarkedText copy = text;
        text.Append(copy, begin, end);
        bytes += std::string(bytes, begin, end - begin);
        const std::vector<bool> part(flags.begin() + static_cast<std::ptrdiff_t>(begin),
                                     flags.begin() + static_cast<std::ptrdiff_t>(end));
        flags.insert(flags.end(), part.begin(), part.end());
        break;
      }
      default: {  // cut to its last bytes
        const size_t begin = bytes.size() > 60 ? bytes.size() - 40 : 0;
        text = text.Slice(begin, bytes.size());
        bytes.erase(0, begin);
        flags.erase(flags.begin(), flags.begin() + static_cast<std::ptrdiff_t>(begin));
      }
    }
    ASSERT_EQ(text.bytes(), bytes);
    ASSERT_EQ(Flags(text), flags);
    std::string runs;
    text.ForEachRun([&](std::string_view piece, bool) { runs += piece; });
    ASSERT_EQ(runs, bytes);
  }
}

TEST(MarkedText, MarksTooMuchRatherThanHoldEndlessRanges) {
  MarkedText text;
  const size_t pieces = MarkedText::kMaxRanges + 1000;
  for (size_t i = 0; i < pieces; ++i) {
    text.Append("u", true);
    text.Append("t", false);
  }
  EXPECT_EQ(text.untrusted().size(), MarkedText::kMaxRanges);
  const std::vector<bool> flags = Flags(text);
  for (size_t i = 0; i < text.size(); i += 2) ASSERT_TRUE(flags[i]);
  EXPECT_FALSE(flags[1]);
}

}  // namespace
}  // namespace moira::engine::jinja
