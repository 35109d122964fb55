#include "server/api/chat_messages.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace moira::server {
namespace {

constexpr size_t kMaxMessages = 4096;  // beyond any context: a message takes several tokens
constexpr size_t kMaxTools = 128;      // OpenAI's limit

constexpr std::array<std::string_view, 6> kRoles = {"system",    "developer", "user",
                                                    "assistant", "tool",      "function"};

std::string Quoted(std::string_view text) { return "'" + std::string(text.substr(0, 60)) + "'"; }

using MaybeError = std::optional<ApiError>;

// Text parts are joined by line breaks, as vLLM and llama.cpp do for templates that take strings.
MaybeError JoinParts(const TemplateValue::List& parts, const std::string& field,
                     TemplateValue* content) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string where = field + "[" + std::to_string(i) + "]";
    const TemplateValue* type = FindField(parts[i], "type");
    if (type == nullptr || type->if_string() == nullptr) {
      return FieldError(where, where + " must be an object with a string 'type'");
    }
    if (*type->if_string() != "text") {
      return FieldError(
          where, where + " has type " + Quoted(*type->if_string()) + ": only 'text' is supported");
    }
    const TemplateValue* part = FindField(parts[i], "text");
    if (part == nullptr || part->if_string() == nullptr) {
      return FieldError(where, where + ".text must be a string");
    }
    if (i > 0) text += '\n';
    text += *part->if_string();
  }
  *content = TemplateValue::String(std::move(text), true);
  return std::nullopt;
}

MaybeError NormalizeContent(const TemplateValue& value, const std::string& field,
                            TemplateValue* content) {
  if (value.is_none() || value.if_string() != nullptr) {
    *content = value;
    return std::nullopt;
  }
  if (value.if_list() == nullptr) {
    return FieldError(field, field + " must be a string, a list of parts, or null");
  }
  return JoinParts(*value.if_list(), field, content);
}

// Templates write the arguments with tojson; clients send them as JSON text.
TemplateValue ParsedArguments(const TemplateValue& arguments) {
  if (arguments.if_string() == nullptr) return arguments;
  Result<TemplateValue> parsed = ParseJson(*arguments.if_string());
  return parsed.ok() && parsed->if_map() != nullptr ? std::move(parsed).value() : arguments;
}

// A copy of `map` in which the entry `name` went through `change`.
template <typename Change>
TemplateValue WithEntry(const TemplateValue& map, std::string_view name, const Change& change) {
  TemplateValue::Map entries = *map.if_map();
  for (auto& [key, value] : entries) {
    if (key == name) value = change(value);
  }
  return TemplateValue::MakeMap(std::move(entries));
}

MaybeError NormalizeToolCalls(const TemplateValue& value, const std::string& field,
                              TemplateValue* calls) {
  if (value.is_none()) return std::nullopt;
  if (value.if_list() == nullptr || value.if_list()->size() > kMaxTools) {
    return FieldError(field, field + " must be a list of at most " + std::to_string(kMaxTools));
  }
  TemplateValue::List normalized;
  for (const TemplateValue& call : *value.if_list()) {
    const TemplateValue* function = FindField(call, "function");
    if (function == nullptr || function->if_map() == nullptr) {
      return FieldError(field, field + ": each call must be an object with a 'function' object");
    }
    normalized.push_back(WithEntry(call, "function", [](const TemplateValue& f) {
      return WithEntry(f, "arguments", ParsedArguments);
    }));
  }
  *calls = TemplateValue::MakeList(std::move(normalized));
  return std::nullopt;
}

MaybeError NormalizeRole(const TemplateValue& message, const std::string& field,
                         TemplateValue* role) {
  const TemplateValue* value = FindField(message, "role");
  const std::string* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr) return FieldError(field + ".role", field + ".role must be a string");
  if (std::find(kRoles.begin(), kRoles.end(), *text) == kRoles.end()) {
    return FieldError(field + ".role",
                      field + ".role is " + Quoted(*text) +
                          "; known are system, developer, user, assistant, tool and function");
  }
  *role = *text == "developer" ? TemplateValue::String("system", true) : *value;
  return std::nullopt;
}

MaybeError NormalizeMessage(const TemplateValue& message, const std::string& field,
                            TemplateValue* normalized) {
  if (message.if_map() == nullptr) return FieldError(field, field + " must be an object");
  TemplateValue role;
  if (MaybeError error = NormalizeRole(message, field, &role)) return error;
  TemplateValue::Map entries = *message.if_map();
  bool has_content = false;
  bool has_calls = false;
  for (auto& [key, value] : entries) {
    if (key == "role") {
      value = role;
    } else if (key == "content") {
      TemplateValue content;
      if (MaybeError error = NormalizeContent(value, field + ".content", &content)) return error;
      value = content;
      has_content = !content.is_none();
    } else if (key == "tool_calls") {
      TemplateValue calls;
      if (MaybeError error = NormalizeToolCalls(value, field + ".tool_calls", &calls)) return error;
      value = calls;
      has_calls = !calls.is_none();
    }
  }
  if (!has_content && !has_calls) {
    return FieldError(field + ".content", field + ".content must be a string or a list of parts");
  }
  // A message of calls only: templates concatenate the content, so it must be a string.
  if (FindField(message, "content") == nullptr) {
    std::erase_if(entries, [](const auto& entry) { return entry.first == "content"; });
    entries.emplace_back("content", TemplateValue::String("", true));
  }
  std::erase_if(entries, [](const auto& entry) {
    return entry.first == "tool_calls" && entry.second.is_none();
  });
  *normalized = TemplateValue::MakeMap(std::move(entries));
  return std::nullopt;
}

}  // namespace

MaybeError NormalizeMessages(const TemplateValue& messages, TemplateValue* normalized) {
  const TemplateValue::List* list = messages.if_list();
  if (list == nullptr || list->empty() || list->size() > kMaxMessages) {
    return FieldError("messages",
                      "messages must be a list of 1.." + std::to_string(kMaxMessages) + " objects");
  }
  TemplateValue::List result;
  result.reserve(list->size());
  for (size_t i = 0; i < list->size(); ++i) {
    TemplateValue message;
    const std::string field = "messages[" + std::to_string(i) + "]";
    if (MaybeError error = NormalizeMessage((*list)[i], field, &message)) return error;
    result.push_back(std::move(message));
  }
  *normalized = TemplateValue::MakeList(std::move(result));
  return std::nullopt;
}

MaybeError CheckTools(const TemplateValue& tools) {
  const TemplateValue::List* list = tools.if_list();
  if (list == nullptr || list->size() > kMaxTools) {
    return FieldError("tools",
                      "tools must be a list of at most " + std::to_string(kMaxTools) + " objects");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string field = "tools[" + std::to_string(i) + "]";
    const TemplateValue* type = FindField((*list)[i], "type");
    if (type == nullptr || type->if_string() == nullptr || *type->if_string() != "function") {
      return FieldError(field, field + ".type must be 'function'");
    }
    const TemplateValue* function = FindField((*list)[i], "function");
    const TemplateValue* name = function == nullptr ? nullptr : FindField(*function, "name");
    if (name == nullptr || name->if_string() == nullptr) {
      return FieldError(field, field + ".function.name must be a string");
    }
  }
  return std::nullopt;
}

}  // namespace moira::server
