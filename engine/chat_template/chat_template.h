#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "engine/chat_template/template_value.h"
#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

struct RenderedPrompt {
  std::string text;
  std::vector<TextRange> untrusted;  // what came from strings marked as a user's; sorted, disjoint
};

struct TemplateLimits {
  uint64_t steps = 1'000'000;     // evaluated nodes
  uint32_t depth = 100;           // nesting of the source and of calls
  size_t output_bytes = 8 << 20;  // also of any one intermediate text
  // What strftime_now tells, in local time; the system's clock if not given.
  std::optional<std::time_t> now = std::nullopt;
};

// A chat template of a model file: Jinja as Hugging Face's environment runs it (trim_blocks,
// lstrip_blocks, tojson, raise_exception, strftime_now), interpreted with limits, without access to
// anything but the given variables. Const after Parse, thread-safe.
class ChatTemplate {
 public:
  // kUnsupported with the line for a construct that the interpreter does not have; kInvalidData
  // with the line for one that is no Jinja.
  static Result<std::unique_ptr<ChatTemplate>> Parse(std::string_view source);
  ~ChatTemplate();
  struct State;
  explicit ChatTemplate(std::unique_ptr<State> state);  // through Parse only: State is its own

  // `variables` is a map: messages, tools, add_generation_prompt, bos_token, eos_token, and
  // whatever the request adds. kInvalidArgument with the text of raise_exception, or with the line
  // and reason of a failed evaluation; kResourceExhausted at a limit.
  Result<RenderedPrompt> Render(const TemplateValue& variables,
                                const TemplateLimits& limits = {}) const;

  const std::string& source() const;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace moira::engine
