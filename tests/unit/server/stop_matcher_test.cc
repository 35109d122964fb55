#include "server/api/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace moira::server {
namespace {

struct Outcome {
  std::string text;
  bool matched;
  bool operator==(const Outcome&) const = default;
};

Outcome Feed(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) outcome.text += matcher.Append(piece);
  outcome.matched = matcher.matched();
  if (!outcome.matched) outcome.text += matcher.Flush();
  return outcome;
}

// The definition: the shortest beginning of the text that ends with a stop string, less that
// string; of several, the longest.
Outcome Reference(const std::vector<std::string>& stops, const std::string& text) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

TEST(StopMatcher, FindsAStopStringAcrossPieces) {
  EXPECT_EQ(Feed({"</s>"}, {"hello <", "/", "s> more"}), (Outcome{"hello ", true}));
}

TEST(StopMatcher, GivesBackWhatTurnsOutToBeText) {
  StopMatcher matcher({"STOP"});
  EXPECT_EQ(matcher.Append("a ST"), "a ");
  EXPECT_EQ(matcher.Append("ST"), "ST");
  EXPECT_EQ(matcher.Flush(), "ST");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcher, NothingComesAfterAMatch) {
  StopMatcher matcher({"."});
  EXPECT_EQ(matcher.Append("one. two"), "one");
  EXPECT_EQ(matcher.Append("three"), "");
}

TEST(StopMatcher, EmptyStopStringsStopNothing) {
  EXPECT_EQ(Feed({""}, {"abc"}), (Outcome{"abc", false}));
}

TEST(StopMatcher, AgreesWithTheDefinitionHoweverTheTextIsCut) {
  std::mt19937 random(3);
  const auto word = [&](size_t most) {
    std::string out;
    const size_t length = 1 + random() % most;
    for (size_t i = 0; i < length; ++i) out += static_cast<char>('a' + random() % 2);
    return out;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> stops;
    for (size_t i = 0; i <= random() % 3; ++i) stops.push_back(word(5));
    std::vector<std::string> pieces;
    std::string text;
    for (size_t i = 0; i <= random() % 6; ++i) {
      pieces.push_back(word(4));
      text += pieces.back();
    }
    ASSERT_EQ(Feed(stops, pieces), Reference(stops, text)) << text;
  }
}

}  // namespace
}  // namespace moira::server
