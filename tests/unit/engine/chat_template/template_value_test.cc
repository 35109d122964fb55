#include "engine/chat_template/template_value.h"

#include <gtest/gtest.h>

namespace moira::engine {
namespace {

TEST(TemplateValue, HoldsOneKind) {
  EXPECT_TRUE(TemplateValue().is_none());
  EXPECT_TRUE(*TemplateValue::Bool(true).if_bool());
  EXPECT_EQ(TemplateValue::Bool(true).if_int(), nullptr);
  EXPECT_EQ(*TemplateValue::Int(-5).if_int(), -5);
  EXPECT_EQ(*TemplateValue::Float(2.5).if_float(), 2.5);
  EXPECT_EQ(TemplateValue::Float(2.5).if_int(), nullptr);
  const TemplateValue text = TemplateValue::String("a", true);
  EXPECT_EQ(*text.if_string(), "a");
  EXPECT_TRUE(text.untrusted());
  EXPECT_FALSE(TemplateValue::String("a").untrusted());
  EXPECT_FALSE(TemplateValue::Int(1).untrusted());
  const TemplateValue list = TemplateValue::MakeList({text, TemplateValue::Int(1)});
  EXPECT_EQ(list.if_list()->size(), 2u);
  EXPECT_EQ(list.if_map(), nullptr);
  const TemplateValue map = TemplateValue::MakeMap({{"b", list}, {"a", text}}, true);
  EXPECT_EQ(map.if_map()->at(0).first, "b");
  EXPECT_TRUE(map.untrusted());
  EXPECT_EQ(map.if_string(), nullptr);
}

TEST(TemplateValue, CopiesShare) {
  const TemplateValue list = TemplateValue::MakeList({TemplateValue::Int(1)});
  const TemplateValue copy = list;
  EXPECT_EQ(list.if_list(), copy.if_list());
}

}  // namespace
}  // namespace moira::engine
