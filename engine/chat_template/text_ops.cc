#include "engine/chat_template/text_ops.h"

#include <algorithm>

#include "engine/chat_template/text_search.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine::jinja {
namespace {

// The code points of the text that Strip removes.
class StripSet {
 public:
  explicit StripSet(const MarkedText* characters) {
    if (!characters) return;
    characters_.emplace();
    const std::string& bytes = characters->bytes();
    for (size_t at = 0; at < bytes.size();) {
      const CodePoint point = DecodeAt(bytes, at);
      characters_->push_back(point.value);
      at += point.size;
    }
    std::sort(characters_->begin(), characters_->end());
  }
  bool Has(char32_t value) const {
    if (!characters_) return IsSpace(value);
    return std::binary_search(characters_->begin(), characters_->end(), value);
  }

 private:
  std::optional<std::vector<char32_t>> characters_;  // white space if absent
};

bool IsCasedLetter(char32_t value) { return IsLower(value) || IsUpper(value) || IsTitle(value); }

// Σ is ς at the end of a word, else σ.
bool IsFinalSigma(std::string_view text, size_t at, size_t size) {
  const bool after = at + size < text.size() && IsCasedLetter(DecodeAt(text, at + size).value);
  return at > 0 && !after && IsCasedLetter(DecodeAt(text, StepBack(text, at)).value);
}

void AppendLowerAt(std::string_view text, size_t at, CodePoint point, std::string* out) {
  if (point.value == 0x3A3 && IsFinalSigma(text, at, point.size)) {
    out->append("\u03c2");
  } else {
    AppendLower(point.value, out);
  }
}

// Maps the text character by character; `map(text, at, point, out)`.
template <typename Map>
MarkedText MapCharacters(Budget& budget, const MarkedText& text, Map map) {
  budget.Text(text.size() * 3);
  const std::string_view all = text.bytes();
  MarkedText result;
  size_t at = 0;
  text.ForEachRun([&](std::string_view piece, bool untrusted) {
    std::string mapped;
    const size_t end = at + piece.size();
    while (at < end) {
      const CodePoint point = DecodeAt(all, at);
      map(all, at, point, &mapped);
      at += point.size;
    }
    result.Append(mapped, untrusted);
  });
  return result;
}

}  // namespace

MarkedText Strip(Budget& budget, const MarkedText& text, const MarkedText* characters, Side side) {
  budget.Text(text.size());
  const StripSet set(characters);
  const std::string& bytes = text.bytes();
  size_t begin = 0;
  size_t end = bytes.size();
  while (side != Side::kRight && begin < end) {
    const CodePoint point = DecodeAt(bytes, begin);
    if (!set.Has(point.value)) break;
    begin += point.size;
  }
  while (side != Side::kLeft && begin < end) {
    const size_t start = StepBack(bytes, end);
    if (!set.Has(DecodeAt(bytes, start).value)) break;
    end = start;
  }
  return text.Slice(begin, end);
}

std::vector<MarkedText> Split(Budget& budget, const MarkedText& text, std::string_view separator,
                              int64_t limit, Side side) {
  budget.Text(text.size());
  const std::vector<size_t> places = FindAll(text.bytes(), separator, limit, side == Side::kRight);
  budget.Strings(places.size() + 1);
  std::vector<MarkedText> parts;
  parts.reserve(places.size() + 1);
  size_t begin = 0;
  for (const size_t place : places) {
    parts.push_back(text.Slice(begin, place));
    begin = place + separator.size();
  }
  parts.push_back(text.Slice(begin, text.size()));
  return parts;
}

std::vector<MarkedText> SplitWords(Budget& budget, const MarkedText& text, int64_t limit,
                                   Side side) {
  const Side far = side == Side::kRight ? Side::kRight : Side::kLeft;
  MarkedText rest = Strip(budget, text, nullptr, far);
  std::vector<std::pair<size_t, size_t>> words;
  const std::string& bytes = rest.bytes();
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    bool space = false;
    while (at < bytes.size()) {
      const CodePoint point = DecodeAt(bytes, at);
      space = IsSpace(point.value);
      if (space) break;
      at += point.size;
    }
    if (at > begin) words.emplace_back(begin, at);
    if (space) at += DecodeAt(bytes, at).size;
  }
  budget.Strings(words.size());
  // With a limit, the words beyond it stay together with the space between and beyond them.
  const auto count = static_cast<int64_t>(words.size());
  if (limit >= 0 && count > limit) {
    const auto kept = static_cast<size_t>(limit);
    if (far == Side::kLeft) {
      words[kept].second = bytes.size();
      words.resize(kept + 1);
    } else {
      const size_t last = words.size() - kept - 1;
      words[last].first = 0;
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(last));
    }
  }
  std::vector<MarkedText> parts;
  parts.reserve(words.size());
  for (const auto& [begin, end] : words) parts.push_back(rest.Slice(begin, end));
  return parts;
}

std::vector<MarkedText> SplitLines(Budget& budget, const MarkedText& text, bool keep_ends) {
  budget.Text(text.size());
  const std::string& bytes = text.bytes();
  std::vector<MarkedText> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint point = DecodeAt(bytes, at);
    size_t next = at + point.size;
    if (IsLineBreak(point.value)) {
      if (point.value == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
      budget.Strings(1);
      lines.push_back(text.Slice(begin, keep_ends ? next : at));
      begin = next;
    }
    at = next;
  }
  if (begin < bytes.size()) lines.push_back(text.Slice(begin, bytes.size()));
  return lines;
}

MarkedText Join(Budget& budget, const MarkedText& separator, const std::vector<MarkedText>& parts) {
  MarkedText result;
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t size = parts[i].size() + (i > 0 ? separator.size() : 0);
    budget.Text(size);
    if (result.size() + size > budget.limits().output_bytes) budget.Text(result.size() + size);
    if (i > 0) result.Append(separator);
    result.Append(parts[i]);
  }
  return result;
}

MarkedText Replace(Budget& budget, const MarkedText& text, const MarkedText& from,
                   const MarkedText& to, int64_t limit) {
  if (!from.empty()) {
    return Join(budget, to, Split(budget, text, from.bytes(), limit, Side::kLeft));
  }
  // An empty text is found before every character and at the end.
  std::vector<MarkedText> parts(1);
  const std::string& bytes = text.bytes();
  size_t at = 0;
  for (; limit != 0 && at < bytes.size(); --limit) {
    const size_t next = at + DecodeAt(bytes, at).size;
    budget.Strings(1);
    parts.push_back(text.Slice(at, next));
    at = next;
  }
  if (at < bytes.size()) {
    parts.back().Append(text, at, bytes.size());
  } else if (limit != 0) {
    parts.emplace_back();
  }
  return Join(budget, to, parts);
}

MarkedText Repeat(Budget& budget, const MarkedText& fill, size_t count) {
  if (!fill.empty() && count > budget.limits().output_bytes / fill.size()) {
    budget.Text(budget.limits().output_bytes + 1);
  }
  budget.Text(fill.size() * count);
  MarkedText result;
  if (fill.empty()) return result;
  for (size_t i = 0; i < count; ++i) result.Append(fill);
  return result;
}

MarkedText Upper(Budget& budget, const MarkedText& text) {
  return MapCharacters(budget, text,
                       [](std::string_view, size_t, CodePoint point, std::string* out) {
                         AppendUpper(point.value, out);
                       });
}

MarkedText Lower(Budget& budget, const MarkedText& text) {
  return MapCharacters(budget, text, AppendLowerAt);
}

MarkedText SwapCase(Budget& budget, const MarkedText& text) {
  return MapCharacters(budget, text,
                       [](std::string_view all, size_t at, CodePoint point, std::string* out) {
                         if (IsUpper(point.value)) {
                           AppendLowerAt(all, at, point, out);
                         } else if (IsLower(point.value)) {
                           AppendUpper(point.value, out);
                         } else {
                           AppendUtf8(point.value, out);
                         }
                       });
}

MarkedText Capitalize(Budget& budget, const MarkedText& text) {
  return MapCharacters(budget, text,
                       [](std::string_view all, size_t at, CodePoint point, std::string* out) {
                         if (at == 0) {
                           AppendTitle(point.value, out);
                         } else {
                           AppendLowerAt(all, at, point, out);
                         }
                       });
}

MarkedText Title(Budget& budget, const MarkedText& text) {
  bool in_word = false;
  return MapCharacters(
      budget, text, [&in_word](std::string_view all, size_t at, CodePoint point, std::string* out) {
        if (in_word) {
          AppendLowerAt(all, at, point, out);
        } else {
          AppendTitle(point.value, out);
        }
        in_word = IsCasedLetter(point.value);
      });
}

MarkedText EscapeHtml(Budget& budget, const MarkedText& text) {
  budget.Text(text.size() * 5);
  return MapCharacters(budget, text,
                       [](std::string_view, size_t, CodePoint point, std::string* out) {
                         switch (point.value) {
                           case '&':
                             out->append("&amp;");
                             break;
                           case '<':
                             out->append("&lt;");
                             break;
                           case '>':
                             out->append("&gt;");
                             break;
                           case '\'':
                             out->append("&#39;");
                             break;
                           case '"':
                             out->append("&#34;");
                             break;
                           default:
                             AppendUtf8(point.value, out);
                         }
                       });
}

bool IsCased(std::string_view text, bool upper) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeAt(text, at);
    at += point.size;
    if (IsTitle(point.value) || (upper ? IsLower(point.value) : IsUpper(point.value))) return false;
    found |= upper ? IsUpper(point.value) : IsLower(point.value);
  }
  return found;
}

}  // namespace moira::engine::jinja
