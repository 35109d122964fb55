#pragma once

#include <string>
#include <string_view>

namespace moira::server {

// Makes valid UTF-8 of bytes that come in pieces: a sequence that is not complete yet is held back,
// what can never become valid is replaced by U+FFFD, one for each maximal subpart (Unicode 15,
// section 3.9). Not thread-safe.
class Utf8Assembler {
 public:
  // The characters that `bytes` completes.
  std::string Append(std::string_view bytes);
  // What is held back, replaced: no more bytes will come.
  std::string Flush();
  // Bytes held back, 0..3.
  size_t held() const { return pending_.size(); }

 private:
  std::string pending_;  // a valid beginning of one sequence
};

// Code points of valid UTF-8.
size_t CountCodePoints(std::string_view text);

}  // namespace moira::server
