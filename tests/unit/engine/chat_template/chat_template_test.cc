#include "engine/chat_template/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Result<RenderedPrompt> Render(std::string_view source, const std::string& variables = "{}",
                              const TemplateLimits& limits = {}) {
  auto parsed = ChatTemplate::Parse(source);
  if (!parsed.ok()) return parsed.status();
  return (*parsed)->Render(ToTemplateValue(OrderedJson::parse(variables)), limits);
}

std::string Text(std::string_view source, const std::string& variables = "{}") {
  const auto rendered = Render(source, variables);
  return rendered.ok() ? rendered->text : "failed: " + rendered.status().message();
}

TEST(ChatTemplate, RendersAConversation) {
  const std::string source =
      "{{ bos_token }}{% for m in messages %}\n"
      "    {% if m.role == 'user' %}\n"
      "<|user|>{{ m.content | trim }}\n"
      "    {% else %}\n"
      "<|{{ m.role }}|>{{ m['content'] }}\n"
      "    {% endif %}\n"
      "{% endfor %}\n"
      "{% if add_generation_prompt %}<|assistant|>{% endif %}\n";
  EXPECT_EQ(Text(source, R"({"bos_token": "<s>", "add_generation_prompt": true, "messages":
                     [{"role": "system", "content": "Be kind."},
                      {"role": "user", "content": "  hi "}]})"),
            "<s><|system|>Be kind.\n<|user|>hi\n<|assistant|>");
}

// trim_blocks takes the line end behind a block, lstrip_blocks the indentation before it; neither
// touches printed expressions.
TEST(ChatTemplate, ControlsWhiteSpace) {
  EXPECT_EQ(Text("a\n  {% if true %}\n  b\n  {% endif %}\nc"), "a\n  b\nc");
  EXPECT_EQ(Text("a\n  {{ 1 }}\n  b"), "a\n  1\n  b");
  EXPECT_EQ(Text("a\n  {# c #}\nb"), "a\nb");
  EXPECT_EQ(Text("a \n {%- if true -%} \n b \n {%- endif -%} \n c"), "abc");
  EXPECT_EQ(Text("a\n  {%+ if true +%}\n  b{% endif %}"), "a\n  \n  b");
  EXPECT_EQ(Text("a \n {{- 1 -}} \n b"), "a1b");
  EXPECT_EQ(Text("x {% if true %} y{% endif %}"), "x  y");
  EXPECT_EQ(Text("a\r\nb\rc\n\n"), "a\nb\nc\n");
  EXPECT_EQ(Text("  {% raw %}\n {{ x }} {% endraw %}\nb"), "\n {{ x }} b");
}

TEST(ChatTemplate, KeepsItsSource) {
  const auto parsed = ChatTemplate::Parse("a{{ 1 }}\n");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ((*parsed)->source(), "a{{ 1 }}\n");
}

TEST(ChatTemplate, RaisesWithTheTemplatesOwnWords) {
  const auto rendered = Render("\n{{ raise_exception('Roles ' + 'must alternate!') }}");
  EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(rendered.status().message(), "Roles must alternate!");
}

TEST(ChatTemplate, NamesTheLineOfAFailedEvaluation) {
  const auto rendered = Render("a\n{% set x = 1 %}\n{{ x }}\n{{ y.z }}");
  EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(rendered.status().message(), "chat template, line 4: 'y' is undefined");
  EXPECT_THAT(Render("{% macro m() %}\n{{ 1 // 0 }}{% endmacro %}\n\n{{ m() }}").status().message(),
              StartsWith("chat template, line 2: "));
}

TEST(ChatTemplate, RefusesVariablesThatAreNoMap) {
  const auto parsed = ChatTemplate::Parse("x");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ((*parsed)->Render(TemplateValue::Int(1)).status().code(), StatusCode::kInvalidArgument);
}

TEST(ChatTemplate, RefusesVariablesNestedTooDeep) {
  TemplateValue value = TemplateValue::Int(1);
  for (int i = 0; i < 300; ++i) value = TemplateValue::MakeList({value});
  const auto parsed = ChatTemplate::Parse("x");
  ASSERT_TRUE(parsed.ok());
  const auto rendered = (*parsed)->Render(TemplateValue::MakeMap({{"x", value}}));
  EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
}

TEST(ChatTemplate, TheLastOfTwoEqualKeysCounts) {
  const auto parsed = ChatTemplate::Parse("{{ x }}");
  ASSERT_TRUE(parsed.ok());
  const auto rendered = (*parsed)->Render(
      TemplateValue::MakeMap({{"x", TemplateValue::Int(1)}, {"x", TemplateValue::Int(2)}}));
  ASSERT_TRUE(rendered.ok());
  EXPECT_EQ(rendered->text, "2");
}

TEST(ChatTemplate, TellsTheGivenTime) {
  const auto parsed = ChatTemplate::Parse("{{ strftime_now('%d %B %Y, %H:%M:%S.%f%z') }}");
  ASSERT_TRUE(parsed.ok());
  TemplateLimits limits;
  limits.now = OracleTime();
  const auto rendered = (*parsed)->Render(TemplateValue::MakeMap({}), limits);
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered->text, "15 July 2026, 12:34:56.000000");
  EXPECT_FALSE(Render("{{ strftime_now('%Q') }}").ok());
  EXPECT_FALSE(Render("{{ strftime_now('%') }}").ok());
}

// What the sandbox of Hugging Face's environment forbids.
TEST(ChatTemplate, KeepsDataUnchangedAndInternalsOutOfReach) {
  const std::string variables = R"({"list": [1], "map": {"a": 1}})";
  EXPECT_THAT(Text("{{ list.append(2) }}", variables), HasSubstr("'append' of 'list'"));
  EXPECT_THAT(Text("{{ map.update({}) }}", variables), HasSubstr("'update' of 'dict'"));
  EXPECT_THAT(Text("{{ ''.__class__.__mro__ }}"), HasSubstr("'__class__' of 'str'"));
  EXPECT_THAT(Text("{{ ''['__class__']['x'] }}"), HasSubstr("'__class__' of 'str'"));
  EXPECT_THAT(Text("{{ '{0.__class__.x}'.format(1) }}"), HasSubstr("'__class__' of 'int'"));
  EXPECT_EQ(Text("{{ list.pop is defined }}", variables), "False");
}

TEST(ChatTemplate, CallsAMacroOnlyWhereItsBlockLives) {
  EXPECT_THAT(
      Text("{% set ns = namespace() %}{% for x in [1] %}{% macro m() %}{{ x }}{% endmacro %}"
           "{% set ns.m = m %}{{ m() }}{% endfor %}{{ ns.m() }}"),
      HasSubstr("macro 'm' is called outside the block"));
}

TEST(ChatTemplate, SurvivesANamespaceThatHoldsItself) {
  EXPECT_EQ(Text("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me is defined }}"),
            "True");
  EXPECT_THAT(Text("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"),
              HasSubstr("nested too deep"));
}

}  // namespace
}  // namespace moira::engine
