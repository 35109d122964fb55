#include "cache/device/host_copy_stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace moira {
namespace {

using Clock = LinkSchedule::Clock;
using std::chrono::microseconds;

TEST(LinkSchedule, ACopyTakesLatencyAndBytesOverBandwidth) {
  LinkSchedule link({.bytes_per_second = 1e9, .latency_seconds = 10e-6});
  Clock::time_point start = Clock::now();
  EXPECT_EQ(link.Book(start, 0), start + microseconds(10));
  EXPECT_EQ(link.Book(start + microseconds(100), 5000), start + microseconds(115));
}

TEST(LinkSchedule, CopiesTakeTurns) {
  LinkSchedule link({.bytes_per_second = 1e9, .latency_seconds = 10e-6});
  Clock::time_point start = Clock::now();
  EXPECT_EQ(link.Book(start, 10'000), start + microseconds(20));
  EXPECT_EQ(link.Book(start, 10'000), start + microseconds(40));
  EXPECT_EQ(link.Book(start + microseconds(5), 10'000), start + microseconds(60));
}

TEST(LinkSchedule, AStandingLinkEndsWithinAnHour) {
  LinkSchedule link({.bytes_per_second = 0, .latency_seconds = 0});
  Clock::time_point start = Clock::now();
  EXPECT_EQ(link.Book(start, 1), start + std::chrono::hours(1));
}

std::vector<std::byte> Pattern(size_t bytes, int seed) {
  std::vector<std::byte> pattern(bytes);
  for (size_t i = 0; i < bytes; ++i) pattern[i] = static_cast<std::byte>(i * 7 + seed);
  return pattern;
}

TEST(HostCopyStream, CopiesAndCompletesInOrder) {
  HostCopyStream stream(nullptr, nullptr);
  constexpr size_t kCopies = 200;
  std::vector<std::vector<std::byte>> sources, destinations;
  std::vector<CopyTicket> tickets;
  for (size_t i = 0; i < kCopies; ++i) {
    sources.push_back(Pattern(i * 10, static_cast<int>(i)));
    destinations.emplace_back(i * 10);
  }
  for (size_t i = 0; i < kCopies; ++i) {
    tickets.push_back(
        stream.CopyToDevice(destinations[i].data(), sources[i].data(), sources[i].size()));
  }
  // Tickets finish in the order given: after the last, all are there.
  ASSERT_TRUE(stream.Wait(tickets.back()).ok());
  EXPECT_EQ(destinations, sources);
  for (size_t i = 0; i < kCopies; ++i) {
    EXPECT_EQ(tickets[i], i + 1);
    EXPECT_TRUE(stream.Wait(tickets[i]).ok());
  }
}

TEST(HostCopyStream, AnEmulatedCopyIsNotDoneBeforeItsTime) {
  auto link = std::make_shared<LinkSchedule>(
      EmulatedLink{.bytes_per_second = 1e9, .latency_seconds = 500e-6});
  HostCopyStream stream(link, nullptr);
  std::vector<std::byte> source = Pattern(100'000, 1), destination(100'000);
  Clock::time_point start = Clock::now();
  CopyTicket ticket = 0;
  for (int i = 0; i < 3; ++i) {
    ticket = stream.CopyToDevice(destination.data(), source.data(), source.size());
  }
  ASSERT_TRUE(stream.Wait(ticket).ok());
  EXPECT_GE(Clock::now() - start, microseconds(3 * 600));
  EXPECT_EQ(destination, source);
}

TEST(HostCopyStream, AFailedCopySaysSoEachTimeAndTheNextOneWorks) {
  auto faults = FaultPlan::Parse("copy:2=error,copy:3=delay:1ms");
  ASSERT_TRUE(faults.ok());
  HostCopyStream stream(nullptr, faults->get());
  std::vector<std::byte> source = Pattern(64, 3), first(64), second(64), third(64);
  CopyTicket a = stream.CopyToDevice(first.data(), source.data(), 64);
  CopyTicket b = stream.CopyToDevice(second.data(), source.data(), 64);
  CopyTicket c = stream.CopyToDevice(third.data(), source.data(), 64);
  EXPECT_TRUE(stream.Wait(a).ok());
  for (int i = 0; i < 2; ++i) {
    Status status = stream.Wait(b);
    EXPECT_EQ(status.code(), StatusCode::kIoError);
    EXPECT_EQ(status.message(), "copy 2 to the device failed (fault plan)");
  }
  EXPECT_TRUE(stream.Wait(c).ok());
  EXPECT_EQ(third, source);
}

TEST(HostCopyStream, WaitingForATicketThatWasNeverGivenIsAnError) {
  HostCopyStream stream(nullptr, nullptr);
  EXPECT_EQ(stream.Wait(0).code(), StatusCode::kInternal);
  EXPECT_EQ(stream.Wait(1).code(), StatusCode::kInternal);
}

TEST(HostCopyStream, ServesSeveralThreads) {
  HostCopyStream stream(nullptr, nullptr);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&stream, thread] {
      std::vector<std::byte> source = Pattern(512, thread), destination(512);
      for (int i = 0; i < 200; ++i) {
        std::fill(destination.begin(), destination.end(), std::byte{0});
        CopyTicket ticket = stream.CopyToDevice(destination.data(), source.data(), 512);
        ASSERT_TRUE(stream.Wait(ticket).ok());
        ASSERT_EQ(destination, source);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HostCopyStream, IsDestroyedWithCopiesInTheQueue) {
  auto link = std::make_shared<LinkSchedule>(
      EmulatedLink{.bytes_per_second = 1e9, .latency_seconds = 1e-3});
  std::vector<std::byte> source(64), destination(64);
  HostCopyStream stream(link, nullptr);
  for (int i = 0; i < 100; ++i) stream.CopyToDevice(destination.data(), source.data(), 64);
}

}  // namespace
}  // namespace moira
