// Hostile templates end inside their limits, whatever they try to use up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chat_template/chat_template.h"
#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

Status RenderStatus(std::string_view source, const TemplateLimits& limits = {}) {
  const auto parsed = ChatTemplate::Parse(source);
  if (!parsed.ok()) return parsed.status();
  return (*parsed)->Render(TemplateValue::MakeMap({}), limits).status();
}

// Excess is the same at any limit; a sanitizer makes the default ones take minutes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const TemplateLimits kLimits{.steps = 20'000, .output_bytes = 256 << 10};
#else
const TemplateLimits kLimits;
#endif

TEST(TemplateLimits, EndEveryExcess) {
  const char* const sources[] = {
      // time
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
      "{% macro f() %}{% for i in range(9) %}{{ f() }}{% endfor %}{% endmacro %}{{ f() }}",
      "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall "
      "%}"
      "{% endmacro %}{{ g() }}",
      "{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
      // text
      "{{ 'a' * 1000000000 }}",
      "{{ 1000000000 * 'ab' }}",
      "{{ ['a' * 9000] * 9000000 }}",
      "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% "
      "endfor %}",
      "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% "
      "endfor %}",
      "{% set ns = namespace(x='aa') %}{% for i in range(99) %}"
      "{% set ns.x = ns.x.replace('a', 'aa') %}{% endfor %}",
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x | replace('', "
      "ns.x) %}"
      "{% endfor %}",
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x.join(ns.x * 9) %}"
      "{% endfor %}",
      "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = '{0}{0}'.format(ns.x) "
      "%}"
      "{% endfor %}",
      "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = '%s%s' % (ns.x, ns.x) "
      "%}"
      "{% endfor %}",
      "{{ '{:99999}'.format('a') * 99999 }}",
      "{{ 'a'.center(1000000000) }}",
      "{{ 'a'.ljust(9223372036854775807) }}",
      "{{ 'a'.zfill(1000000000) }}",
      "{{ 'a' | indent(1000000000) }}",
      "{{ {'a': 1} | tojson(indent=1000000000) }}",
      "{{ ('a\\n' * 99999) | indent(9999) }}",
      "{% for i in range(9999) %}{{ 'a' * 99999 }}{% endfor %}",
      "{% set x %}{% for i in range(9999) %}{{ 'a' * 99999 }}{% endfor %}{% endset %}",
      "{% filter upper %}{% for i in range(9999) %}{{ 'a' * 99999 }}{% endfor %}{% endfilter %}",
      "{% set x = 'a' * 4000000 %}{% for i in range(9999) %}{% if 'b' in x %}{% endif %}"
      "{% set y = x.upper() %}{% endfor %}",
      "{% set x = 'a' * 4000000 %}{% for i in range(9999) %}{% set y = x | list %}{% endfor %}",
      "{% set x = 'a ' * 4000000 %}{% set y = x.split() %}",
      // containers
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% "
      "endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor "
      "%}",
      "{% set ns = namespace(x={}) %}{% for i in range(99999) %}{% set ns.x = {'a': ns.x} %}{% "
      "endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% "
      "endfor %}"
      "{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% "
      "endfor %}"
      "{{ ns.x | tojson }}",
      "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x | batch(1) | list "
      "%}"
      "{% endfor %}{% for i in range(999) %}{% set ns.x = ns.x | batch(1) | list %}{% endfor %}",
  };
  for (const char* source : sources) {
    const Status status = RenderStatus(source, kLimits);
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << source << ": " << status.message();
    EXPECT_THAT(status.message(), testing::StartsWith("chat template, line 1: ")) << source;
  }
}

TEST(TemplateLimits, CountTheItemsThatFiltersMakeUp) {
  for (const char* source :
       {"{{ [1] | batch(8000000, 1) | list }}{{ [1] | batch(8000000, 1) | list }}",
        "{{ [1] | slice(8000000) | list }}{{ [1] | slice(8000000) | list }}"}) {
    EXPECT_EQ(RenderStatus(source).code(), StatusCode::kResourceExhausted) << source;
  }
}

TEST(TemplateLimits, RefuseArithmeticBeyond64Bits) {
  for (const char* source :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
        "{{ 9999999999 * 9999999999 }}", "{{ 2 ** 63 }}", "{{ 10 ** 99999999999 }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
        "{{ (-9223372036854775807 - 1) | abs }}", "{{ 1e300 | int }}",
        "{{ '99999999999999999999' | int }}", "{{ [9223372036854775807, 1] | sum }}",
        "{{ 9223372036854775807 | round(-1) }}", "{{ range(9223372036854775807) }}",
        "{{ range(-9223372036854775807, 0) }}", "{{ range(100001) }}",
        "{{ range(4)[::-9223372036854775807] }}"}) {
    EXPECT_EQ(RenderStatus(source).code(), StatusCode::kInvalidArgument) << source;
  }
  for (const char* source :
       {"{{ (-9223372036854775807 - 1) % -1 }}", "{{ 'abc'[9223372036854775807:] }}",
        "{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}",
        "{{ [1, 2][::-9223372036854775807] }}", "{{ 'abc'[-9223372036854775807] }}",
        "{{ 'abc'.find('b', -9223372036854775807, 9223372036854775807) }}"}) {
    EXPECT_TRUE(RenderStatus(source).ok()) << source << RenderStatus(source).message();
  }
}

TEST(TemplateLimits, CountStepsDepthAndOutput) {
  const char* loop = "{% for i in range(100) %}{{ i }}{% endfor %}";
  TemplateLimits limits;
  limits.steps = 100;
  EXPECT_EQ(RenderStatus(loop, limits).code(), StatusCode::kResourceExhausted);
  limits.steps = 1000;
  EXPECT_TRUE(RenderStatus(loop, limits).ok());
  limits.output_bytes = 189;  // the numbers have 190 digits
  EXPECT_EQ(RenderStatus(loop, limits).code(), StatusCode::kResourceExhausted);
  limits.output_bytes = 190;
  EXPECT_TRUE(RenderStatus(loop, limits).ok());
  const char* recursion =
      "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(9) }}";
  limits = {};
  limits.depth = 9;
  EXPECT_EQ(RenderStatus(recursion, limits).code(), StatusCode::kResourceExhausted);
  limits.depth = 10;
  EXPECT_TRUE(RenderStatus(recursion, limits).ok());
}

// Text searches are linear: a needle that almost matches everywhere takes no time to speak of.
TEST(TemplateLimits, SearchLongTexts) {
  for (const char* source :
       {"{% set a = 'a' * 4000000 %}{% set b = 'a' * 2000000 + 'b' + 'a' * 1000000 %}{{ b in a }}",
        "{% set a = 'a' * 4000000 %}{% set b = 'b' + 'a' * 2000000 %}{{ a.rfind(b) }}",
        "{% set a = 'a' * 4000000 %}{% set b = 'a' * 2000000 + 'b' %}{{ a.split(b) | length }}",
        "{% set a = 'a' * 4000000 %}{% set b = 'b' + 'a' * 2000000 %}{{ a.rsplit(b) | length }}"}) {
    EXPECT_TRUE(RenderStatus(source).ok()) << source << RenderStatus(source).message();
  }
}

TEST(TemplateLimits, LeaveRoomForLongConversations) {
  TemplateValue::List messages;
  for (int i = 0; i < 1000; ++i) {
    messages.push_back(
        TemplateValue::MakeMap({{"role", TemplateValue::String(i % 2 ? "assistant" : "user")},
                                {"content", TemplateValue::String(std::string(2000, 'x'), true)}}));
  }
  const auto parsed = ChatTemplate::Parse(
      "{% set ns = namespace(last=0) %}{% for m in messages[::-1] %}{% if m.role == 'user' %}"
      "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
      "{% for m in messages %}{% set content = m.content.split('</think>')[-1].strip() %}"
      "{{ '<|im_start|>' + m.role + '\n' + content + '<|im_end|>' }}{% endfor %}");
  ASSERT_TRUE(parsed.ok());
  const auto rendered =
      (*parsed)->Render(TemplateValue::MakeMap({{"messages", TemplateValue::MakeList(messages)}}));
  ASSERT_TRUE(rendered.ok()) << rendered.status().message();
  EXPECT_EQ(rendered->untrusted.size(), 1000u);
  EXPECT_GT(rendered->text.size(), 2'000'000u);
}

}  // namespace
}  // namespace moira::engine
