#include "engine/tokenizer/regex.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace moira::engine {
namespace {

// Backtracking steps of one match. The patterns of the table need about one step per character, so
// this is reached by a run of this many white-space characters at the earliest.
constexpr uint32_t kMatchLimit = 100'000'000;
constexpr uint32_t kHeapLimitKib = 64 * 1024;

struct FreePcre2 {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreePcre2>;

// PCRE2's own \s has U+180E, which Unicode took out of White_Space in version 6.3 and which the
// tokenizers of the models do not count as space.
std::string WithWhiteSpaceProperty(std::string_view pattern) {
  std::string expanded;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view two = pattern.substr(i, 2);
    if (two == R"(\s)" || two == R"(\S)") {
      expanded += two[1] == 's' ? R"(\p{White_Space})" : R"(\P{White_Space})";
      ++i;
    } else {
      expanded += pattern[i];
    }
  }
  return expanded;
}

std::string ErrorText(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Program {
  std::unique_ptr<pcre2_code, FreePcre2> code;
  std::unique_ptr<pcre2_match_context, FreePcre2> limits;

  // The first match in `text` at or after `from`, not an empty one.
  std::optional<TextRange> Find(std::string_view text, size_t from, pcre2_match_data* data) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int count =
        pcre2_match(code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK, data, limits.get());
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter has its stack on the heap
      count = pcre2_match(code.get(), subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          data, limits.get());
    }
    if (count < 0) return std::nullopt;
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
    if (ends[1] <= ends[0]) return std::nullopt;
    return TextRange{ends[0], ends[1]};
  }
};

Regex::Regex(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Result<Regex> Regex::Compile(std::string_view pattern) {
  const std::string expanded = WithWhiteSpaceProperty(pattern);
  int error = 0;
  PCRE2_SIZE error_offset = 0;
  auto program = std::make_unique<Program>();
  program->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expanded.data()), expanded.size(),
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error,
                                    &error_offset, nullptr));
  if (program->code == nullptr) {
    return InternalError("pattern " + expanded + ": " + ErrorText(error) + " at " +
                         std::to_string(error_offset));
  }
  program->limits.reset(pcre2_match_context_create(nullptr));
  if (program->limits == nullptr) return ResourceExhausted("pattern: no memory for its limits");
  pcre2_set_match_limit(program->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(program->limits.get(), kHeapLimitKib);
  // Where machine code may not be made (no writable and executable pages) matching is interpreted.
  static_cast<void>(pcre2_jit_compile(program->code.get(), PCRE2_JIT_COMPLETE));
  return Regex(std::move(program));
}

std::vector<TextRange> Regex::Split(std::string_view text,
                                    const std::vector<TextRange>& ranges) const {
  const MatchData data(pcre2_match_data_create_from_pattern(program_->code.get(), nullptr));
  if (data == nullptr) return ranges;
  std::vector<TextRange> pieces;
  pieces.reserve(ranges.size());
  for (const TextRange& range : ranges) {
    const std::string_view subject = text.substr(range.begin, range.end - range.begin);
    size_t done = 0;
    while (done < subject.size()) {
      const std::optional<TextRange> match = program_->Find(subject, done, data.get());
      const size_t begin = match ? match->begin : subject.size();
      if (begin > done) pieces.push_back({range.begin + done, range.begin + begin});
      if (!match) break;
      pieces.push_back({range.begin + match->begin, range.begin + match->end});
      done = match->end;
    }
  }
  return pieces;
}

}  // namespace moira::engine
