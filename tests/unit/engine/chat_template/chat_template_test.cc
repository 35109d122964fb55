#include "engine/chat_template/chat_template.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

TEST(ChatTemplate, RendersText) {
  auto parsed =
      ChatTemplate::Parse("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto rendered = (*parsed)->Render(
      ToTemplateValue(OrderedJson::parse(R"({"messages": [{"role": "user", "content": "hi"}]})")));
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered->text, "user: hi\n");
}

}  // namespace
}  // namespace moira::engine
