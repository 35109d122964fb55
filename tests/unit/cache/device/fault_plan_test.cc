#include "cache/device/fault_plan.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace moira {
namespace {

std::unique_ptr<FaultPlan> Parse(std::string_view text) {
  Result<std::unique_ptr<FaultPlan>> plan = FaultPlan::Parse(text);
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  return plan.ok() ? std::move(plan).value() : nullptr;
}

TEST(FaultPlan, CountsEachPointFromOne) {
  auto plan = Parse("read:3=error,copy:2=error,allocate:1=error");
  EXPECT_EQ(plan->Next(FaultPoint::kRead).kind, FaultKind::kNone);
  EXPECT_EQ(plan->Next(FaultPoint::kCopy).kind, FaultKind::kNone);
  EXPECT_EQ(plan->Next(FaultPoint::kRead).kind, FaultKind::kNone);
  EXPECT_EQ(plan->Next(FaultPoint::kRead).kind, FaultKind::kError);
  EXPECT_EQ(plan->Next(FaultPoint::kRead).kind, FaultKind::kNone);
  EXPECT_EQ(plan->Next(FaultPoint::kCopy).kind, FaultKind::kError);
  EXPECT_EQ(plan->Next(FaultPoint::kAllocate).kind, FaultKind::kError);
}

TEST(FaultPlan, RangesAreInclusiveAndTheFirstEntryWins) {
  auto plan = Parse("read:3=error,read:2-4=short");
  std::vector<FaultKind> kinds;
  for (int i = 0; i < 5; ++i) kinds.push_back(plan->Next(FaultPoint::kRead).kind);
  EXPECT_EQ(kinds,
            (std::vector<FaultKind>{FaultKind::kNone, FaultKind::kShortRead, FaultKind::kError,
                                    FaultKind::kShortRead, FaultKind::kNone}));
}

TEST(FaultPlan, DelaysHaveUnits) {
  const std::pair<const char*, double> delays[] = {
      {"50ms", 0.05}, {"1.5s", 1.5}, {"7us", 7e-6}, {"0s", 0}, {"60s", 60}};
  for (const auto& [text, seconds] : delays) {
    FaultPlan::Fault fault = Parse(std::string("copy:1=delay:") + text)->Next(FaultPoint::kCopy);
    EXPECT_EQ(fault.kind, FaultKind::kDelay);
    EXPECT_DOUBLE_EQ(fault.delay_seconds, seconds) << text;
  }
}

TEST(FaultPlan, NothingIsAPlanWithoutFaults) {
  EXPECT_EQ(Parse("")->Next(FaultPoint::kCopy).kind, FaultKind::kNone);
  EXPECT_EQ(FaultPlan().Next(FaultPoint::kRead).kind, FaultKind::kNone);
}

TEST(FaultPlan, RefusesWhatItDoesNotUnderstandByName) {
  for (const char* entry : {"read",
                            "read:",
                            "read:1",
                            "read:=error",
                            "read:0=error",
                            "read:-1=error",
                            "read:x=error",
                            "read:2-1=error",
                            "read:1-=error",
                            "read:1-2-3=error",
                            "write:1=error",
                            "read:1=fail",
                            "read:1=",
                            "copy:1=short",
                            "allocate:1=short",
                            "read:1=delay",
                            "read:1=delay:",
                            "read:1=delay:5",
                            "read:1=delay:5m",
                            "read:1=delay:-1s",
                            "read:1=delay:61s",
                            "read:1=delay:nans",
                            "read:1=delay:infs",
                            "=error:1",
                            "read:18446744073709551616=error",
                            " read:1=error"}) {
    Status status = FaultPlan::Parse(std::string("copy:1=error,") + entry).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << entry;
    EXPECT_TRUE(status.message().starts_with("fault plan: '" + std::string(entry) + "' is not "))
        << status.message();
  }
  EXPECT_FALSE(FaultPlan::Parse("read:1=error,").ok());
  EXPECT_FALSE(FaultPlan::Parse(",").ok());
}

TEST(FaultPlan, CountsAcrossThreads) {
  auto plan = Parse("copy:501-600=error");
  std::atomic<int> errors = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 250; ++call) {
        if (plan->Next(FaultPoint::kCopy).kind == FaultKind::kError) ++errors;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors.load(), 100);
}

}  // namespace
}  // namespace moira
