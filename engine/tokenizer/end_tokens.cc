#include "engine/tokenizer/end_tokens.h"

#include <algorithm>
#include <iterator>

namespace moira::engine {
namespace {

// As in llama.cpp and the chat templates of the models.
constexpr std::string_view kEndTokens[] = {
    "<|im_end|>",  // ChatML: Qwen, SmolLM, ...
    "<|eot_id|>",
    "<|eom_id|>",  // Llama 3
    "<|end|>",     // Phi, Harmony (see below)
    "<|return|>",
    "<|call|>",  // Harmony
    "<|flush|>",
    "<|calls|>",  // Solar
    "<|endoftext|>",
    "<|end_of_text|>",  // base models
    "<end_of_turn>",
    "<eos>",  // Gemma
    "<turn|>",
    "<|tool_response>",       // Gemma 4
    "<｜end▁of▁sentence｜>",  // DeepSeek
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",  // CodeLlama, Kimi
    "</s>",
    "<end_of_utterance>",
    "[e~[",  // Llama 2, SmolVLM, MiniMax
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",  // fill-in-the-middle: the file's hole is filled
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<reponame>",
    "<|file_sep|>",
};

// Where both marks are in the vocabulary, `spelling` is no end.
struct TurnPart {
  std::string_view spelling;
  std::string_view mark;
  std::string_view other_mark;
};
constexpr TurnPart kTurnParts[] = {
    {"<|end|>", "<|return|>", "<|call|>"},  // Harmony: the end of one message of several
    {"<|end|>", "<|flush|>", "<|calls|>"},
    {"</s>", "<|tool_response>", "<|tool_response>"},  // Gemma 4: a tag of HTML
};

}  // namespace

std::span<const std::string_view> EndTokenSpellings() { return kEndTokens; }

bool IsTurnPart(std::string_view spelling,
                const std::function<std::optional<TokenId>(std::string_view)>& find) {
  return std::any_of(std::begin(kTurnParts), std::end(kTurnParts), [&](const TurnPart& part) {
    return part.spelling == spelling && find(part.mark) && find(part.other_mark);
  });
}

}  // namespace moira::engine
