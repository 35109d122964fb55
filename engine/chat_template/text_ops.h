#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/chat_template/budget.h"
#include "engine/chat_template/marked_text.h"

// Python's string methods as operations on marked text: what comes from a marked piece is marked in
// the result.
namespace moira::engine::jinja {

enum class Side { kLeft, kRight, kBoth };

// Without `characters`, white space is stripped.
MarkedText Strip(Budget& budget, const MarkedText& text, const MarkedText* characters, Side side);

// At most `limit` splits, counted from `side`; -1 for all. `separator` is not empty.
std::vector<MarkedText> Split(Budget& budget, const MarkedText& text, std::string_view separator,
                              int64_t limit, Side side);
// Splits at runs of white space.
std::vector<MarkedText> SplitWords(Budget& budget, const MarkedText& text, int64_t limit,
                                   Side side);
std::vector<MarkedText> SplitLines(Budget& budget, const MarkedText& text, bool keep_ends);

MarkedText Join(Budget& budget, const MarkedText& separator, const std::vector<MarkedText>& parts);
// At most `limit` replacements; -1 for all.
MarkedText Replace(Budget& budget, const MarkedText& text, const MarkedText& from,
                   const MarkedText& to, int64_t limit);
// `count` times `fill`.
MarkedText Repeat(Budget& budget, const MarkedText& fill, size_t count);

MarkedText Upper(Budget& budget, const MarkedText& text);
MarkedText Lower(Budget& budget, const MarkedText& text);
MarkedText SwapCase(Budget& budget, const MarkedText& text);
MarkedText Capitalize(Budget& budget, const MarkedText& text);
// str.title: words are runs of letters.
MarkedText Title(Budget& budget, const MarkedText& text);

// markupsafe.escape.
MarkedText EscapeHtml(Budget& budget, const MarkedText& text);

// str.isupper and str.islower.
bool IsCased(std::string_view text, bool upper);

}  // namespace moira::engine::jinja
