#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace moira::engine::jinja {

// Where `wanted` (not empty) stands in `text`: up to `limit` places (-1 for all) that do not
// overlap, sought from the left or from the right, ascending. Time is linear in both sizes.
std::vector<size_t> FindAll(std::string_view text, std::string_view wanted, int64_t limit,
                            bool from_right);
bool HasText(std::string_view text, std::string_view wanted);

}  // namespace moira::engine::jinja
