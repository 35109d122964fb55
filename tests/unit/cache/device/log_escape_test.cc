#include "cache/device/log_escape.h"

#include <gtest/gtest.h>

#include <string>

namespace moira {
namespace {

TEST(EscapeLogText, LeavesPrintableTextAlone) {
  std::string text = "caf\xC3\xA9 \"quoted\" \\ \xF0\x9F\x98\x80";
  EXPECT_EQ(EscapeLogText(text), text);
  EXPECT_EQ(EscapeLogText(""), "");
}

TEST(EscapeLogText, AMessageCannotForgeALine) {
  EXPECT_EQ(EscapeLogText("a\nERROR b\r\tc"), "a\\nERROR b\\r\\tc");
  EXPECT_EQ(EscapeLogText("\x1B[31mred"), "\\x1b[31mred");
  EXPECT_EQ(EscapeLogText(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(EscapeLogText("\x7F"), "\\x7f");
  EXPECT_EQ(EscapeLogText("\xC2\x9B"
                          "31m"),
            "\\xc2\\x9b31m");
}

TEST(EscapeLogText, BytesThatAreNoTextAreShown) {
  EXPECT_EQ(EscapeLogText("a\xFF"
                          "b\xC3"),
            "a\\xffb\\xc3");
}

TEST(EscapeLogJson, IsTheInsideOfAJsonString) {
  EXPECT_EQ(EscapeLogJson("say \"hi\" \\ \xC3\xA9"), "say \\\"hi\\\" \\\\ \xC3\xA9");
  EXPECT_EQ(EscapeLogJson("a\nb\x1B"), "a\\u000ab\\u001b");
  EXPECT_EQ(EscapeLogJson("\xC2\x9B"), "\\u009b");
  EXPECT_EQ(EscapeLogJson("\x7F"), "\\u007f");
  EXPECT_EQ(EscapeLogJson("a\xFF"
                          "b"),
            "a\\ufffdb");
}

}  // namespace
}  // namespace moira
