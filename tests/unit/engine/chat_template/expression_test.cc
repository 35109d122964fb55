// Hundreds of short cases against what Python's jinja2 makes of them: expressions.txt, computed by
// tests/golden/chat_template_oracle.py.
#include <gtest/gtest.h>

#include "engine/chat_template/chat_template.h"
#include "tests/unit/engine/chat_template/template_json.h"

namespace moira::engine {
namespace {

constexpr const char* kExpected =
    MOIRA_SOURCE_DIR "/tests/unit/engine/chat_template/expression_expected.json";

// Printed values that contain an address in Python, or a hash order.
bool PrintsAddress(const std::string& text) { return text.find(" at 0x") != std::string::npos; }

TEST(Expressions, AgreeWithPython) {
  const OrderedJson expected = OrderedJson::parse(ReadTestFile(kExpected));
  const TemplateValue variables = ToTemplateValue(expected.at("variables"));
  TemplateLimits limits;
  limits.now = OracleTime();
  ASSERT_GE(expected.at("cases").size(), 800u);
  for (const OrderedJson& test_case : expected.at("cases")) {
    const std::string source = test_case.at("source");
    SCOPED_TRACE(source);
    const auto parsed = ChatTemplate::Parse(source);
    if (!test_case.contains("text")) {
      EXPECT_FALSE(parsed.ok() && (*parsed)->Render(variables, limits).ok());
      continue;
    }
    const std::string text = test_case.at("text");
    if (PrintsAddress(text)) continue;
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    if (!parsed.ok()) continue;
    const auto rendered = (*parsed)->Render(variables, limits);
    EXPECT_EQ(rendered.ok() ? rendered->text : rendered.status().message(), text);
  }
}

}  // namespace
}  // namespace moira::engine
