#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace moira::engine {

// Text that is hard on tokenizers: words of several scripts, runs of space, marks, emoji.
inline std::string RandomText(std::mt19937& random, const std::vector<std::string>& more = {}) {
  std::vector<std::string> parts = {" ",
                                    "  ",
                                    "\n",
                                    "\r\n",
                                    "\t",
                                    "\xC2\xA0",
                                    "\xE3\x80\x80",
                                    "a",
                                    "ab",
                                    "The",
                                    "don't",
                                    "'LL",
                                    "1",
                                    "123",
                                    "4567",
                                    "é",
                                    "e\xCC\x81",
                                    "ß",
                                    "мир",
                                    "世界",
                                    "한국",
                                    "हिन्दी",
                                    "עברית",
                                    "🦙",
                                    "👨‍👩‍👧",
                                    "—",
                                    "!",
                                    "?!",
                                    "_",
                                    "<|",
                                    "|>",
                                    "</",
                                    ">",
                                    "$",
                                    "`",
                                    "\\",
                                    "",
                                    "x"};
  parts.back() = std::string(1, '\0');
  parts.insert(parts.end(), more.begin(), more.end());
  std::string text;
  const size_t count = random() % 20;
  for (size_t i = 0; i < count; ++i) text += parts[random() % parts.size()];
  return text;
}

inline std::string RandomBytes(std::mt19937& random) {
  std::string bytes(random() % 40, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

inline std::string Repeat(std::string_view text, size_t count) {
  std::string repeated;
  repeated.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

}  // namespace moira::engine
