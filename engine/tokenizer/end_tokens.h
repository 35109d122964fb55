#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/tokenizer/tokenizer.h"

namespace moira::engine {

// Spellings of tokens that end a turn in the chat formats in use. Files name at most one of them
// (eos, eot, eom), so the others are known by their text.
std::span<const std::string_view> EndTokenSpellings();

// Whether a spelling of that list only separates parts of a turn here, as other tokens of the
// vocabulary show. `find` looks a spelling up in the vocabulary.
bool IsTurnPart(std::string_view spelling,
                const std::function<std::optional<TokenId>(std::string_view)>& find);

}  // namespace moira::engine
