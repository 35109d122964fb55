// Sources that are no Jinja, or Jinja that is not supported: refused with a line, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "engine/chat_template/chat_template.h"
#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

// Shaped as templates of real models are.
constexpr std::string_view kTemplate = R"({#- marks -#}
{%- macro show(content, level=0) -%}
    {%- if content is string -%}{{- content -}}
    {%- elif content is iterable and content is not mapping -%}
        {%- for item in content if item.type == "text" -%}{{ item['text'] | trim }}{%- endfor -%}
    {%- else -%}{{ content | tojson(indent=2, separators=(',', ': ')) }}{%- endif -%}
{%- endmacro -%}
{{ bos_token }}{% set ns = namespace(last=-1, seen=[]) %}
{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{% if tools is defined and tools | length > 0 -%}
<|tools|>{% for tool in tools | selectattr('function') %}
{{ tool.function.name ~ ": " ~ (tool | tojson) }}{{ ", " if not loop.last }}
{%- endfor %}
{% endif %}
{% for m in messages[1:] if m.role != "tool" %}
{%- set text = show(m.content) -%}
{%- if '</think>' in text and loop.index0 <= ns.last -%}
  {%- set text = text.split('</think>')[-1].lstrip('\n') %}
{%- endif %}
<|im_start|>{{ m.role }}{{ '\n' + text }}<|im_end|>
{% generation %}{{ "é😀"[::-1] }}{% endgeneration %}{% raw %}{{ raw }}{% endraw %}
{%- else %}{{ raise_exception("No messages: %s" | format(messages)) }}{% endfor %}
{%- if add_generation_prompt and not (enable_thinking is defined and enable_thinking is false) -%}
{{- '<|im_start|>assistant\n' }}{%- filter upper %}x{{ 1 + 2 * 3 // 4 }}{% endfilter %}
{%- endif %}{% set late %}{{ caller is defined }}{% endset %}{{ late }})";

const TemplateValue& Variables() {
  static const TemplateValue variables = ToTemplateValue(OrderedJson::parse(R"({
    "bos_token": "<s>", "add_generation_prompt": true,
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "<think>a</think>b"},
      {"role": "assistant", "content": [{"type": "text", "text": " c "}]},
      {"role": "user", "content": {"k": [1, 2.5, null]}}],
    "tools": [{"function": {"name": "f"}}]})"),
                                                         true);
  return variables;
}

// A source is parsed and rendered, or refused in one line with its line number.
void ExpectOrderlyEnd(const std::string& source) {
  TemplateLimits limits;
  limits.steps = 20'000;
  const auto parsed = ChatTemplate::Parse(source);
  if (!parsed.ok()) {
    EXPECT_TRUE(parsed.status().code() == StatusCode::kInvalidData ||
                parsed.status().code() == StatusCode::kUnsupported)
        << parsed.status().message();
    EXPECT_THAT(parsed.status().message(),
                testing::ContainsRegex("^chat template, line [0-9]+: .+"))
        << source;
    return;
  }
  const auto rendered = (*parsed)->Render(Variables(), limits);
  if (rendered.ok()) {
    size_t last = 0;
    for (const TextRange& range : rendered->untrusted) {
      EXPECT_LT(range.begin, range.end);
      EXPECT_LE(last, range.begin);
      last = range.end;
    }
    EXPECT_LE(last, rendered->text.size());
  } else {
    EXPECT_TRUE(rendered.status().code() == StatusCode::kInvalidArgument ||
                rendered.status().code() == StatusCode::kResourceExhausted);
    EXPECT_FALSE(rendered.status().message().empty());
  }
}

TEST(MalformedTemplate, TheWholeOneRenders) {
  const auto parsed = ChatTemplate::Parse(kTemplate);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const auto rendered = (*parsed)->Render(Variables());
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_THAT(rendered->text, testing::HasSubstr("<|im_start|>user\nb<|im_end|>"));
}

TEST(MalformedTemplate, TruncatedAnywhere) {
  for (size_t size = 0; size <= kTemplate.size(); ++size) {
    ExpectOrderlyEnd(std::string(kTemplate.substr(0, size)));
  }
}

TEST(MalformedTemplate, WithoutAnyByte) {
  for (size_t at = 0; at < kTemplate.size(); ++at) {
    std::string source(kTemplate);
    ExpectOrderlyEnd(source.erase(at, 1));
  }
}

TEST(MalformedTemplate, MutatedAtRandom) {
  static constexpr std::string_view kPieces[] = {"{{",          "}}",
                                                 "{%",          "%}",
                                                 "{#",          "#}",
                                                 "-",           "+",
                                                 "(",           ")",
                                                 "[",           "]",
                                                 "{",           "}",
                                                 "'",           "\"",
                                                 "\\",          "|",
                                                 ".",           ",",
                                                 ":",           "=",
                                                 "~",           "**",
                                                 "%",           "/",
                                                 " if ",        " else ",
                                                 " for ",       " in ",
                                                 " not ",       " is ",
                                                 "{% endif %}", "{% endfor %}",
                                                 "{% break %}", "\n",
                                                 "\xff",        "\0",
                                                 "9",           "loop",
                                                 "ns",          "{% set x = ",
                                                 "| tojson",    "| map",
                                                 "[::-1]",      "99999999999",
                                                 "messages",    "()",
                                                 ".x"};
  std::mt19937 random(7);
  const auto pick = [&random](size_t size) { return random() % size; };
  for (int round = 0; round < 4000; ++round) {
    std::string source(kTemplate);
    for (size_t edits = 1 + pick(4); edits > 0; --edits) {
      const std::string_view piece = kPieces[pick(std::size(kPieces))];
      const size_t at = pick(source.size());
      switch (pick(3)) {
        case 0:
          source.insert(at, piece);
          break;
        case 1:
          source.replace(at, pick(8), piece);
          break;
        default:
          source.insert(at, source.substr(pick(source.size()), pick(60)));
      }
    }
    ExpectOrderlyEnd(source);
  }
}

struct Refusal {
  const char* source;
  StatusCode code;
  const char* message;
};

TEST(MalformedTemplate, SaysWhatAndWhere) {
  const Refusal refusals[] = {
      {"\n{{ a", StatusCode::kInvalidData, "line 2: expected end of print statement"},
      {"{% if x %}\na", StatusCode::kInvalidData,
       "line 2: unexpected end of template, looking for"},
      {"{% endif %}", StatusCode::kInvalidData, "line 1: unknown tag 'endif'"},
      {"{{ (1] }}", StatusCode::kInvalidData, "unexpected ']', expected ')'"},
      {"{{ 'a }}", StatusCode::kInvalidData, "string without end"},
      {"a\n{# b", StatusCode::kInvalidData, "line 2: missing end of comment tag"},
      {"{% raw %}x", StatusCode::kInvalidData, "missing end of raw directive"},
      {"{% break %}", StatusCode::kInvalidData, "'break' outside a loop"},
      {"{% set true = 1 %}", StatusCode::kInvalidData, "can't assign to 'true'"},
      {"{{ '\\ud800' }}", StatusCode::kInvalidData, "no Unicode character"},
      {"{{ '\\x1' }}", StatusCode::kInvalidData, "truncated escape"},
      {"\xff", StatusCode::kInvalidData, "no valid UTF-8"},
      {"\n\n{{ x | urlize }}", StatusCode::kUnsupported,
       "line 3: filter 'urlize' is not supported"},
      {"{{ x is odder }}", StatusCode::kUnsupported, "test 'odder' is not supported"},
      {"{% include 'x' %}", StatusCode::kUnsupported, "statement 'include' is not supported"},
      {"{% extends 'x' %}", StatusCode::kUnsupported, "statement 'extends' is not supported"},
      {"{{ lipsum() }}", StatusCode::kUnsupported, "function 'lipsum' is not supported"},
      {"{{ loop.changed(1) }}", StatusCode::kUnsupported, "loop.changed is not supported"},
      {"{{ x[1, 2] }}", StatusCode::kUnsupported, "subscript with a comma"},
      {"{{ 9223372036854775808 }}", StatusCode::kUnsupported, "does not fit 64 bits"},
      {"{{ 1e999 }}", StatusCode::kUnsupported, "out of a double's range"},
  };
  for (const Refusal& refusal : refusals) {
    const auto parsed = ChatTemplate::Parse(refusal.source);
    ASSERT_FALSE(parsed.ok()) << refusal.source;
    EXPECT_EQ(parsed.status().code(), refusal.code) << refusal.source;
    EXPECT_THAT(parsed.status().message(), testing::HasSubstr(refusal.message)) << refusal.source;
  }
}

std::string Repeated(std::string_view piece, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += piece;
  return text;
}

// Nesting of every kind ends in a refusal, not in the end of the stack.
TEST(MalformedTemplate, NestedTooDeep) {
  const std::pair<const char*, const char*> nestings[] = {
      {"{{ (", ""},       {"(", ""},       {"[", ""},  {"{'a': ", ""}, {"-", ""},
      {"not ", ""},       {"a[", ""},      {"f(", ""}, {"f(x=", ""},   {"1 if 1 else ", ""},
      {"a|default(", ""}, {"a is eq(", ""}};
  for (const auto& [open, close] : nestings) {
    const auto parsed = ChatTemplate::Parse("{{ " + Repeated(open, 5000));
    ASSERT_FALSE(parsed.ok());
    EXPECT_THAT(parsed.status().message(), testing::ContainsRegex("line 1: ")) << open;
  }
  for (const char* open : {"{% if 1 %}", "{% for x in y %}", "{% macro m() %}", "{% set x %}",
                           "{% filter upper %}", "{% with %}", "{% generation %}"}) {
    const auto parsed = ChatTemplate::Parse(Repeated(open, 5000));
    EXPECT_EQ(parsed.status().code(), StatusCode::kUnsupported) << open;
  }
  for (const char* link : {"+1", "*1", "**1", ".a", "[0]", "()", "|upper", " or 1", " and 1",
                           " is odd", " if 1 else 2", " if 1"}) {
    const auto parsed = ChatTemplate::Parse("{{ a" + Repeated(link, 5000) + " }}");
    EXPECT_FALSE(parsed.ok()) << link;
  }
}

TEST(MalformedTemplate, LongButFlatIsFine) {
  for (const char* link : {" ~ 1", ", 1", " == 1"}) {
    EXPECT_TRUE(ChatTemplate::Parse("{{ 1" + Repeated(link, 5000) + " }}").ok()) << link;
  }
  const auto parsed =
      ChatTemplate::Parse("{% if 0 %}" + Repeated("{% elif 0 %}", 2000) + "{% endif %}");
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
}

TEST(MalformedTemplate, SourceTooLarge) {
  EXPECT_EQ(ChatTemplate::Parse(std::string(300 << 10, 'x')).status().code(),
            StatusCode::kInvalidData);
  EXPECT_TRUE(ChatTemplate::Parse(std::string(256 << 10, 'x')).ok());
}

}  // namespace
}  // namespace moira::engine
