#include "server/api/chat_prompt.h"

#include <algorithm>
#include <string>

namespace moira::server {
namespace {

using engine::TokenId;
using engine::Tokenizer;

std::string Spelling(const Tokenizer& tokenizer, std::optional<TokenId> token) {
  return token ? tokenizer.TokenText(*token, true) : std::string();
}

// Names of fields carry no mark of where they came from, so those that a template could print as a
// control token are refused. Depth is bounded by the JSON reader.
const std::string* FindControlName(const Tokenizer& tokenizer, const TemplateValue& value) {
  const auto is_control = [&](TokenId token) {
    return tokenizer.kind(token) == engine::TokenKind::kControl;
  };
  if (const TemplateValue::List* list = value.if_list()) {
    for (const TemplateValue& item : *list) {
      if (const std::string* name = FindControlName(tokenizer, item)) return name;
    }
  }
  if (const TemplateValue::Map* map = value.if_map()) {
    for (const auto& [name, item] : *map) {
      const std::vector<TokenId> tokens =
          tokenizer.Encode(name, {.add_special = false, .parse_special = true, .untrusted = {}});
      if (std::any_of(tokens.begin(), tokens.end(), is_control)) return &name;
      if (const std::string* inner = FindControlName(tokenizer, item)) return inner;
    }
  }
  return nullptr;
}

TemplateValue Variables(const Tokenizer& tokenizer, const ChatInput& chat) {
  TemplateValue::Map variables = chat.kwargs;
  variables.emplace_back("messages", chat.messages);
  variables.emplace_back("tools", chat.tools);
  variables.emplace_back("add_generation_prompt", TemplateValue::Bool(true));
  variables.emplace_back("bos_token", TemplateValue::String(Spelling(tokenizer, tokenizer.bos())));
  variables.emplace_back("eos_token", TemplateValue::String(Spelling(tokenizer, tokenizer.eos())));
  return TemplateValue::MakeMap(std::move(variables));
}

}  // namespace

std::optional<ApiError> EncodeChat(const engine::Engine& engine, const ChatInput& chat,
                                   std::vector<TokenId>* tokens) {
  const Tokenizer& tokenizer = engine.tokenizer();
  if (engine.chat_template() == nullptr) {
    return FieldError("messages", "this model has no usable chat template: " +
                                      engine.chat_template_status().message());
  }
  for (const TemplateValue& value :
       {chat.messages, chat.tools, TemplateValue::MakeMap(chat.kwargs)}) {
    if (const std::string* name = FindControlName(tokenizer, value)) {
      return FieldError("messages",
                        "a field's name has a control token: '" + name->substr(0, 60) + "'");
    }
  }
  Result<engine::RenderedPrompt> rendered =
      engine.chat_template()->Render(Variables(tokenizer, chat));
  if (!rendered.ok()) {
    return FieldError("messages", "the chat template: " + rendered.status().message());
  }
  *tokens = tokenizer.Encode(
      rendered->text,
      {.add_special = false, .parse_special = true, .untrusted = rendered->untrusted});
  // Most templates write the BOS token themselves.
  const std::optional<TokenId> bos = tokenizer.bos();
  if (tokenizer.adds_bos() && bos && (tokens->empty() || tokens->front() != *bos)) {
    tokens->insert(tokens->begin(), *bos);
  }
  return std::nullopt;
}

std::vector<TokenId> EncodePrompt(const Tokenizer& tokenizer, const PromptInput& prompt) {
  if (prompt.tokens) return *prompt.tokens;
  return tokenizer.Encode(prompt.text,
                          {.add_special = true, .parse_special = true, .untrusted = {}});
}

}  // namespace moira::server
