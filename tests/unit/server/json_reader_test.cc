#include "server/api/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::server {
namespace {

using ::testing::HasSubstr;

std::string ErrorOfJson(std::string_view text, const JsonLimits& limits = {}) {
  const Result<TemplateValue> value = ParseJson(text, limits);
  return value.ok() ? "" : value.status().message();
}

std::string Repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ParseJson, KeepsTypesAndTheOrderOfFields) {
  const auto value = ParseJson(R"({"z":1,"a":[true,null,1.0,"x"],"m":{"k":-5}})");
  ASSERT_TRUE(value.ok()) << value.status().message();
  const TemplateValue::Map& map = *value->if_map();
  EXPECT_EQ(map[0].first, "z");
  EXPECT_EQ(map[1].first, "a");
  EXPECT_EQ(*map[0].second.if_int(), 1);
  const TemplateValue::List& list = *map[1].second.if_list();
  EXPECT_TRUE(*list[0].if_bool());
  EXPECT_TRUE(list[1].is_none());
  EXPECT_EQ(list[2].if_int(), nullptr);
  EXPECT_EQ(*list[2].if_float(), 1.0);
  EXPECT_EQ(*list[3].if_string(), "x");
  EXPECT_EQ(*FindField(map[2].second, "k")->if_int(), -5);
}

TEST(ParseJson, MarksEveryStringAsAUsers) {
  const auto value = ParseJson(R"(["a",{"k":"b"}])");
  ASSERT_TRUE(value.ok());
  EXPECT_TRUE((*value->if_list())[0].untrusted());
  EXPECT_TRUE(FindField((*value->if_list())[1], "k")->untrusted());
}

TEST(ParseJson, IntegersBeyond64BitsAreNoInts) {
  EXPECT_EQ(*ParseJson("9223372036854775807")->if_int(), INT64_MAX);
  EXPECT_EQ(*ParseJson("-9223372036854775808")->if_int(), INT64_MIN);
  EXPECT_EQ(ParseJson("9223372036854775808")->if_int(), nullptr);
  EXPECT_EQ(*ParseJson("9223372036854775808")->if_float(), 9223372036854775808.0);
}

TEST(ParseJson, RefusesWhatIsNoJson) {
  for (const char* text : {"", "{", "nul", "NaN", "{\"a\":NaN}", "Infinity", "1e400", "-1e999",
                           "[1,]", "{\"a\":1}x", "\"\xff\"", "\"\xed\xa0\x80\"", "'a'", "01"}) {
    EXPECT_THAT(ErrorOfJson(text), HasSubstr("not valid JSON")) << text;
  }
}

TEST(ParseJson, RefusesAFieldThatComesTwice) {
  EXPECT_THAT(ErrorOfJson(R"({"n":1,"b":{"x":1},"n":2})"), HasSubstr("field 'n' is given twice"));
  EXPECT_EQ(ErrorOfJson(R"([{"n":1},{"n":2}])"), "");
}

TEST(ParseJson, DepthIsBoundedWithoutRecursion) {
  EXPECT_EQ(ErrorOfJson(Repeat("[", 64) + Repeat("]", 64)), "");
  EXPECT_THAT(ErrorOfJson(Repeat("[", 65) + Repeat("]", 65)), HasSubstr("deeper than 64"));
  EXPECT_THAT(ErrorOfJson(Repeat("[", 1'000'000)), HasSubstr("deeper than 64"));
  EXPECT_THAT(ErrorOfJson(Repeat("{\"a\":", 1'000'000)), HasSubstr("deeper than 64"));
}

TEST(ParseJson, CountsValuesAndFields) {
  const JsonLimits limits{.depth = 64, .values = 5, .map_entries = 2};
  EXPECT_EQ(ErrorOfJson("[1,2,3,4]", limits), "");
  EXPECT_THAT(ErrorOfJson("[1,2,3,4,5]", limits), HasSubstr("more than 5 JSON values"));
  EXPECT_THAT(ErrorOfJson("[[],[],[],[],[]]", limits), HasSubstr("more than 5 JSON values"));
  EXPECT_THAT(ErrorOfJson(R"({"a":1,"b":2,"c":3})", limits), HasSubstr("more than 2 fields"));
}

TEST(FindField, TreatsNullAsAbsent) {
  const auto value = ParseJson(R"({"a":null,"b":0})");
  EXPECT_EQ(FindField(*value, "a"), nullptr);
  EXPECT_NE(FindField(*value, "b"), nullptr);
  EXPECT_EQ(FindField(*value, "c"), nullptr);
  EXPECT_EQ(FindField(TemplateValue::Int(1), "a"), nullptr);
}

}  // namespace
}  // namespace moira::server
