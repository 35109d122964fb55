#include "server/api/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace moira::server {
namespace {

// Length of the longest end of `text` that is a proper beginning of `stop`.
size_t OpenEnd(std::string_view text, std::string_view stop) {
  size_t length = std::min(text.size(), stop.size() - 1);
  while (length > 0 && text.substr(text.size() - length) != stop.substr(0, length)) --length;
  return length;
}

}  // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopMatcher::Append(std::string_view text) {
  if (matched_) return {};
  held_.append(text);
  size_t begin = std::string::npos;
  size_t end = std::string::npos;
  size_t open = 0;
  for (const std::string& stop : stops_) {
    const size_t found = held_.find(stop);
    if (found != std::string::npos) {
      const size_t found_end = found + stop.size();
      if (found_end < end || (found_end == end && found < begin)) {
        begin = found;
        end = found_end;
      }
    }
    open = std::max(open, OpenEnd(held_, stop));
  }
  matched_ = begin != std::string::npos;
  std::string out = held_.substr(0, matched_ ? begin : held_.size() - open);
  held_.erase(0, matched_ ? held_.size() : out.size());
  return out;
}

std::string StopMatcher::Flush() { return std::exchange(held_, {}); }

}  // namespace moira::server
