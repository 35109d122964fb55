#include "engine/chat_template/text_search.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace moira::engine::jinja {
namespace {

std::vector<size_t> FindFromLeft(std::string_view text, std::string_view wanted, int64_t limit) {
  std::vector<size_t> found;
  size_t at = 0;
  while (limit != 0 && at < text.size()) {
    // memmem takes linear time whatever the texts are; string_view::find does not.
    const void* hit = memmem(text.data() + at, text.size() - at, wanted.data(), wanted.size());
    if (!hit) break;
    found.push_back(static_cast<size_t>(static_cast<const char*>(hit) - text.data()));
    at = found.back() + wanted.size();
    --limit;
  }
  return found;
}

}  // namespace

std::vector<size_t> FindAll(std::string_view text, std::string_view wanted, int64_t limit,
                            bool from_right) {
  if (!from_right) return FindFromLeft(text, wanted, limit);
  const std::string mirrored(text.rbegin(), text.rend());
  const std::string mirrored_wanted(wanted.rbegin(), wanted.rend());
  std::vector<size_t> found = FindFromLeft(mirrored, mirrored_wanted, limit);
  std::reverse(found.begin(), found.end());
  for (size_t& at : found) at = text.size() - at - wanted.size();
  return found;
}

bool HasText(std::string_view text, std::string_view wanted) {
  return wanted.empty() || !FindFromLeft(text, wanted, 1).empty();
}

}  // namespace moira::engine::jinja
