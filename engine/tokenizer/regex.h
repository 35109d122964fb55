#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// A compiled pattern over UTF-8 with Unicode classes; \s is the White_Space property. Const and
// thread-safe after Compile: each call has its own match state.
class Regex {
 public:
  static Result<Regex> Compile(std::string_view pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Cuts each of `ranges` of `text` (well-formed UTF-8) into its matches and what lies between
  // them; look-arounds do not see outside a range. If the matcher gives up at its limits the rest
  // of that range stays in one piece: what comes out covers the same bytes in any case.
  std::vector<TextRange> Split(std::string_view text, const std::vector<TextRange>& ranges) const;

 private:
  struct Program;
  explicit Regex(std::unique_ptr<const Program> program);

  std::unique_ptr<const Program> program_;
};

}  // namespace moira::engine
