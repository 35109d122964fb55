#include "cache/device/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace moira {
namespace {

TEST(Status, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(StatusCode::kInternal); ++code) {
    std::string_view name = StatusCodeName(static_cast<StatusCode>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(StatusCodeName(StatusCode::kInvalidData), "invalid-data");
  EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(999)), "unknown");
}

TEST(Status, FunctionsGiveTheirCode) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(InvalidArgument("m").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(NotFound("m").code(), StatusCode::kNotFound);
  EXPECT_EQ(InvalidData("m").code(), StatusCode::kInvalidData);
  EXPECT_EQ(Unsupported("m").code(), StatusCode::kUnsupported);
  EXPECT_EQ(ResourceExhausted("m").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(Unavailable("m").code(), StatusCode::kUnavailable);
  EXPECT_EQ(IoError("m").code(), StatusCode::kIoError);
  EXPECT_EQ(Cancelled("m").code(), StatusCode::kCancelled);
  EXPECT_EQ(InternalError("m").code(), StatusCode::kInternal);
  EXPECT_EQ(InternalError("m").message(), "m");
}

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("odd");
  return value / 2;
}

Status AddQuarter(int value, int& sum) {
  MOIRA_ASSIGN_OR_RETURN(int half, Half(value));
  MOIRA_ASSIGN_OR_RETURN(int quarter, Half(half));
  MOIRA_RETURN_IF_ERROR(quarter > 100 ? ResourceExhausted("large") : Status());
  sum += quarter;
  return Status();
}

TEST(Result, MacrosReturnTheFirstError) {
  int sum = 0;
  EXPECT_TRUE(AddQuarter(8, sum).ok());
  EXPECT_EQ(AddQuarter(7, sum).message(), "odd");
  EXPECT_EQ(AddQuarter(6, sum).message(), "odd");
  EXPECT_EQ(AddQuarter(800, sum).message(), "large");
  EXPECT_EQ(sum, 2);
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.status().ok());
  std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 5);
}

}  // namespace
}  // namespace moira
