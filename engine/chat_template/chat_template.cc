#include "engine/chat_template/chat_template.h"

#include <algorithm>
#include <limits>

#include "engine/chat_template/failure.h"
#include "engine/chat_template/interpreter.h"
#include "engine/chat_template/parser.h"
#include "engine/chat_template/unicode.h"

namespace moira::engine {
namespace {

// The largest template of a real model has 17 KiB.
constexpr size_t kMaxSourceBytes = 256 << 10;

std::string MessageOf(const jinja::Failure& failure, int line) {
  if (failure.verbatim) return failure.message;
  return "chat template, line " + std::to_string(line) + ": " + failure.message;
}

// The request's data as the interpreter's values. Its size was bounded where it came in.
jinja::Value Convert(const TemplateValue& value, uint32_t depth) {
  if (depth > jinja::Value::kMaxDepth / 2) {
    throw jinja::EvaluationError("template variables are nested deeper than " +
                                 std::to_string(jinja::Value::kMaxDepth / 2));
  }
  if (const bool* boolean = value.if_bool()) return jinja::Value::Bool(*boolean);
  if (const int64_t* integer = value.if_int()) return jinja::Value::Int(*integer);
  if (const double* floating = value.if_float()) return jinja::Value::Float(*floating);
  if (const std::string* text = value.if_string()) {
    return jinja::Value::String(jinja::MarkedText(*text, value.untrusted()));
  }
  jinja::Budget unlimited({.steps = std::numeric_limits<uint64_t>::max(),
                           .output_bytes = std::numeric_limits<size_t>::max() / 64});
  if (const TemplateValue::List* list = value.if_list()) {
    std::vector<jinja::Value> items;
    for (const TemplateValue& item : *list) items.push_back(Convert(item, depth + 1));
    return jinja::Value::List(unlimited, std::move(items));
  }
  if (const TemplateValue::Map* map = value.if_map()) {
    jinja::DictObject dict;
    for (const auto& [key, item] : *map) {
      dict.Set(unlimited, jinja::Value::String(jinja::MarkedText(key, value.untrusted())),
               Convert(item, depth + 1));
    }
    return jinja::Value::Dict(std::move(dict));
  }
  return {};
}

}  // namespace

struct ChatTemplate::State {
  std::string source;
  jinja::Block block;
};

ChatTemplate::ChatTemplate(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return state_->source; }

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::Parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return InvalidData("chat template has " + std::to_string(source.size()) +
                       " bytes, the limit is " + std::to_string(kMaxSourceBytes));
  }
  if (!jinja::IsValidUtf8(source)) return InvalidData("chat template, line 1: no valid UTF-8");
  try {
    auto state = std::make_unique<State>(State{std::string(source), {}});
    state->block = jinja::ParseTemplate(state->source);
    return std::make_unique<ChatTemplate>(std::move(state));
  } catch (const jinja::Failure& failure) {
    return Status(failure.code, MessageOf(failure, failure.line));
  }
}

Result<RenderedPrompt> ChatTemplate::Render(const TemplateValue& variables,
                                            const TemplateLimits& limits) const {
  if (!variables.if_map()) return InvalidArgument("template variables are not a map");
  int line = 1;
  try {
    const jinja::Value converted = Convert(variables, 0);
    jinja::Interpreter interpreter(*converted.dict(), limits);
    try {
      const jinja::MarkedText text = interpreter.Run(state_->block);
      return RenderedPrompt{text.bytes(), text.untrusted()};
    } catch (const jinja::Failure&) {
      line = interpreter.line();
      throw;
    }
  } catch (const jinja::Failure& failure) {
    return Status(failure.code, MessageOf(failure, line));
  }
}

}  // namespace moira::engine
