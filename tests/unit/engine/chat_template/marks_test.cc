// A user's text stays marked through everything that a template can do with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chat_template/chat_template.h"
#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

// The rendered text with «» around what is marked.
std::string Marked(std::string_view source, const std::string& user, const std::string& own = "") {
  const auto parsed = ChatTemplate::Parse(source);
  if (!parsed.ok()) return parsed.status().message();
  const auto rendered = (*parsed)->Render(TemplateValue::MakeMap(
      {{"u", TemplateValue::String(user, true)},
       {"t", TemplateValue::String(own)},
       {"m", TemplateValue::MakeMap({{"key", TemplateValue::Int(1)}}, true)}}));
  if (!rendered.ok()) return rendered.status().message();
  std::string shown;
  size_t last = 0;
  for (const TextRange& range : rendered->untrusted) {
    shown += rendered->text.substr(last, range.begin - last) + "«" +
             rendered->text.substr(range.begin, range.end - range.begin) + "»";
    last = range.end;
  }
  return shown + rendered->text.substr(last);
}

TEST(Marks, CoverExactlyTheUsersPiece) {
  EXPECT_EQ(Marked("<|im_start|>{{ u }}<|im_end|>", "hi"), "<|im_start|>«hi»<|im_end|>");
  EXPECT_EQ(Marked("{{ 'a' + u + 'b' }}{{ 'c' ~ u ~ 1 }}", "x"), "a«x»bc«x»1");
  EXPECT_EQ(Marked("{{ ('a' + u + 'bcd')[1:4] }}", "xy"), "«xy»b");
  EXPECT_EQ(Marked("{{ ('ab' + u)[::-1] }}", "xy"), "«yx»ba");
  EXPECT_EQ(Marked("{{ ('  a' + u).strip() }}", "x  "), "a«x»");
  EXPECT_EQ(Marked("{{ u.split('|')[-1] }}-{{ ('a|' + u).split('|') | join('+') }}", "b|c"),
            "«c»-a+«b»+«c»");
  EXPECT_EQ(Marked("{{ t.replace('#', u) }}", "x", "a#b#"), "a«x»b«x»");
  EXPECT_EQ(Marked("{{ u.replace('#', t) }}", "a#b", "+"), "«a»+«b»");
  EXPECT_EQ(Marked("{{ [t, u, t] | join(',') }}{{ u.join([t, t]) }}", "x", "a"), "a,«x»,aa«x»a");
  EXPECT_EQ(Marked("{{ ('a' ~ u) | upper }}{{ ('A' ~ u).lower() }}", "ß"), "A«SS»a«ß»");
  EXPECT_EQ(Marked("{{ [t, u] | tojson }}", "q\"", "a"), "[\"a\", \"«q\\\"»\"]");
  EXPECT_EQ(Marked("{{ [u] }}{{ {'k': u} | string }}", "x"), "['«x»']{'k': '«x»'}");
  EXPECT_EQ(Marked("{{ '{}/{:>3}'.format(t, u) }}", "x", "a"), "a/  «x»");
  EXPECT_EQ(Marked("{{ 'a%sb' % u }}{{ u % () }}", "x"), "a«x»b«x»");
  EXPECT_EQ(Marked("{{ ('a\n' ~ u) | indent(2) }}", "x\ny"), "a\n  «x»\n  «y»");
  EXPECT_EQ(Marked("{{ u * 2 }}{{ u[0] }}{% for c in u %}-{{ c }}{% endfor %}", "xy"),
            "«xyxyx»-«x»-«y»");
  EXPECT_EQ(Marked("{% set s %}a{{ u }}{% endset %}{{ s }}", "x"), "a«x»");
  EXPECT_EQ(Marked("{% macro f(v) %}<{{ v }}>{% endmacro %}{{ f(u) ~ f(t) }}", "x", "y"),
            "<«x»><y>");
  EXPECT_EQ(Marked("{% filter title %}ab {{ u }}{% endfilter %}", "cd"), "Ab «Cd»");
  EXPECT_EQ(Marked("{{ u | e }}{{ '<' + (u | safe) }}", "<"), "«&lt;»&lt;«<»");
  EXPECT_EQ(Marked("{{ u | default(t) }}{{ none | default(u, true) }}", "x", "y"), "«xx»");
  EXPECT_EQ(Marked("{{ [u, t] | sort | join }}{{ [u, t] | max }}", "b", "a"), "a«bb»");
  EXPECT_EQ(Marked("{{ u | int + 1 }}{{ u | length }}{{ u == '5' }}", "5"), "61True");
}

TEST(Marks, CoverKeysOfAUsersMap) {
  EXPECT_EQ(Marked("{% for k, v in m.items() %}{{ k }}={{ v }}{% endfor %}", ""), "«key»=1");
  EXPECT_EQ(Marked("{{ m | tojson }}{{ m }}{{ m | list }}", ""),
            "{\"«key»\": 1}{'«key»': 1}['«key»']");
  EXPECT_EQ(Marked("{{ dict(m, **m) | dictsort | first | first }}", ""), "«key»");
  EXPECT_EQ(Marked("{% macro f() %}{{ kwargs }}{% endmacro %}{{ f(**m) }}", ""), "{'«key»': 1}");
  EXPECT_EQ(Marked("{{ namespace(**m) }}", ""), "<Namespace {'«key»': 1}>");
}

// Every byte of the output that only the user can have written is marked, whatever was applied.
TEST(Marks, NeverLoseAUsersLetter) {
  const char* const chains[] = {"u",
                                "u[1:]",
                                "u[::-1]",
                                "u[::2]",
                                "u | upper",
                                "u.lower()",
                                "u | title",
                                "u.title()",
                                "u | capitalize",
                                "u.swapcase()",
                                "u.capitalize()",
                                "u | trim",
                                "u.strip('x')",
                                "u.lstrip()",
                                "u.split() | join('a')",
                                "u.rsplit('b', 1) | join",
                                "u.splitlines() | join",
                                "u.partition('b') | join",
                                "u.rpartition('b') | list",
                                "u.replace('b', 'a')",
                                "u | replace('b', 'aa')",
                                "u.replace('', 'a')",
                                "'ab'.replace('b', u)",
                                "u | tojson",
                                "u | tojson(ensure_ascii=true)",
                                "[u, [u]] | tojson(indent=1)",
                                "{u: u} | tojson",
                                "[u] | string",
                                "{'a': (u,)} | string",
                                "u ~ 1",
                                "1 ~ u",
                                "u + 'a'",
                                "'a' + u",
                                "u * 3",
                                "u.center(40, 'a')",
                                "u.zfill(30)",
                                "u.ljust(30)",
                                "u | center(40)",
                                "u | indent(3, true)",
                                "u | truncate(9)",
                                "(u * 3) | truncate(30, true, u)",
                                "u | e",
                                "u | safe",
                                "u | forceescape",
                                "('a' | safe) + u",
                                "u | list",
                                "u | list | join('a')",
                                "u | reverse",
                                "u | first",
                                "u | last",
                                "u | sort | join",
                                "u | unique | join",
                                "u | batch(3) | list",
                                "u | slice(3) | list",
                                "[u, u] | join(u)",
                                "[u] | map('upper') | join",
                                "[{'a': u}] | map(attribute='a') | join",
                                "[u] | select | join",
                                "u.join('aaa')",
                                "'{}'.format(u)",
                                "'{0!r:>20}'.format(u)",
                                "u.format(1)",
                                "'%s' % u",
                                "'%r' % (u,)",
                                "'%(a)9s' % {'a': u}",
                                "u % ()",
                                "'%s' | format(u)",
                                "u | string",
                                "u | default('a')",
                                "missing | default(u)",
                                "namespace(a=u).a",
                                "namespace(a=u)",
                                "dict(a=u)",
                                "dict([(u, 1)])",
                                "{u: 1}.items() | list",
                                "{u: 1} | dictsort",
                                "u if true else 'a'",
                                "u or 'a'",
                                "'' or u",
                                "[u, '~'] | min",
                                "u.removeprefix('x')",
                                "u.removesuffix('x')",
                                "(u ~ '{}').format(u)",
                                "strftime_now(u)",
                                "[u] | sum(start=[]) if false else u",
                                "{'a': u}.get('a')",
                                "'a' | replace('a', u)",
                                "'a\\nb' | indent(u)",
                                "['a', 'b'] | join(u)",
                                "{'a': 1} | tojson(separators=(u, u))",
                                "{'a': 1} | tojson(indent=u)",
                                "[u, 'a'] | sort"};
  // No letter of these comes out of a template otherwise; case mappings stay among them.
  const std::string user = "QzWß b \u0130\u03a3 qZw\n\u4e16 é";
  const std::vector<std::string> letters = {"Q",  "q",  "Z", "z", "W",      "w",      "ß",
                                            "SS", "Ss", "é", "É", "\u4e16", "\u03c3", "\u03a3"};
  for (const char* chain : chains) {
    const std::string shown = Marked("{{ " + std::string(chain) + " }}", user);
    std::string outside;
    bool inside = false;
    bool any = false;
    for (size_t at = 0; at < shown.size();) {
      if (shown.compare(at, 2, "«") == 0 || shown.compare(at, 2, "»") == 0) {
        inside = shown.compare(at, 2, "«") == 0;
        any = true;
        at += 2;
        continue;
      }
      if (!inside) outside.push_back(shown[at]);
      ++at;
    }
    EXPECT_TRUE(any) << chain << ": " << shown;
    for (const std::string& letter : letters) {
      EXPECT_EQ(outside.find(letter), std::string::npos) << chain << ": " << shown;
    }
  }
}

}  // namespace
}  // namespace moira::engine
