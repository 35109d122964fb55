#include "engine/tokenizer/end_tokens.h"

#include <gtest/gtest.h>

#include <set>

namespace moira::engine {
namespace {

TEST(EndTokens, ListsEverySpellingOnce) {
  const std::set<std::string_view> spellings(EndTokenSpellings().begin(),
                                             EndTokenSpellings().end());
  EXPECT_EQ(spellings.size(), EndTokenSpellings().size());
  for (const char* spelling : {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>",
                               "<|call|>", "<end_of_turn>", "<turn|>", "<｜end▁of▁sentence｜>"}) {
    EXPECT_TRUE(spellings.contains(spelling)) << spelling;
  }
}

TEST(EndTokens, KnowsWhereAMessageEndsButTheTurnDoesNot) {
  const auto having = [](std::set<std::string_view> tokens) {
    return [tokens](std::string_view spelling) -> std::optional<TokenId> {
      if (!tokens.contains(spelling)) return std::nullopt;
      return 0;
    };
  };
  EXPECT_TRUE(IsTurnPart("<|end|>", having({"<|return|>", "<|call|>"})));
  EXPECT_FALSE(IsTurnPart("<|end|>", having({"<|return|>"})));
  EXPECT_FALSE(IsTurnPart("<|call|>", having({"<|return|>", "<|call|>"})));
  EXPECT_TRUE(IsTurnPart("</s>", having({"<|tool_response>"})));
  EXPECT_FALSE(IsTurnPart("</s>", having({})));
}

}  // namespace
}  // namespace moira::engine
