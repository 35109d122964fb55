#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moira::server {

// Finds stop strings in text that comes in pieces and holds back what may still become one. The
// result does not depend on how the text was cut: the stop string that is complete first wins, and
// of several that end there the longest. Not thread-safe.
class StopMatcher {
 public:
  // Empty strings are left out: they would stop everything.
  explicit StopMatcher(std::vector<std::string> stops);

  // Text that is now known not to belong to a stop string. After a match there is none.
  std::string Append(std::string_view text);
  bool matched() const { return matched_; }
  // What was held back: no more text will come.
  std::string Flush();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool matched_ = false;
};

}  // namespace moira::server
