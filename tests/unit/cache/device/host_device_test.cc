#include "cache/device/host_device.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "cache/device/machine.h"

namespace moira {
namespace {

TEST(HostDevice, TellsWhatItIs) {
  auto unified = CreateHostDevice(std::nullopt, nullptr);
  EXPECT_EQ(unified->capabilities().name, "cpu");
  EXPECT_TRUE(unified->capabilities().unified);
  EXPECT_TRUE(unified->capabilities().host_addressable);
  EXPECT_EQ(unified->capabilities().memory_bytes, PhysicalMemoryBytes());
  auto emulated = CreateHostDevice(EmulatedLink{.bytes_per_second = 12e9}, nullptr);
  EXPECT_EQ(emulated->capabilities().name, "emulated (link 12.0 GB/s)");
  EXPECT_FALSE(emulated->capabilities().unified);
  EXPECT_TRUE(emulated->capabilities().host_addressable);
}

TEST(HostDevice, CopiesBetweenItsBuffers) {
  for (auto link : {std::optional<EmulatedLink>(), std::optional<EmulatedLink>(EmulatedLink{})}) {
    auto device = CreateHostDevice(link, nullptr);
    Result<Buffer> from = device->AllocateHost(10'000);
    Result<Buffer> to = device->Allocate(10'000);
    Result<std::unique_ptr<CopyStream>> stream = device->CreateCopyStream();
    ASSERT_TRUE(from.ok() && to.ok() && stream.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(from->data()) % 4096, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(to->data()) % 4096, 0u);
    std::memset(from->data(), 0x3C, from->size());
    std::memset(to->data(), 0, to->size());
    CopyTicket ticket = (*stream)->CopyToDevice(to->data(), from->data(), from->size());
    ASSERT_TRUE((*stream)->Wait(ticket).ok());
    EXPECT_EQ(std::memcmp(to->data(), from->data(), from->size()), 0);
  }
}

TEST(HostDevice, AllocationsFollowTheFaultPlan) {
  auto faults = FaultPlan::Parse("allocate:2=error,allocate:3=delay:1us");
  ASSERT_TRUE(faults.ok());
  auto device = CreateHostDevice(std::nullopt, faults->get());
  EXPECT_TRUE(device->Allocate(100).ok());
  // Host memory is not what the plan counts.
  EXPECT_TRUE(device->AllocateHost(100).ok());
  Status status = device->Allocate(777).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "cannot allocate 777 bytes of device memory (fault plan)");
  EXPECT_TRUE(device->Allocate(100).ok());
}

TEST(HostDevice, CopiesFollowTheFaultPlanAcrossStreams) {
  auto faults = FaultPlan::Parse("copy:2=error");
  ASSERT_TRUE(faults.ok());
  auto device = CreateHostDevice(EmulatedLink{}, faults->get());
  auto first = device->CreateCopyStream();
  auto second = device->CreateCopyStream();
  ASSERT_TRUE(first.ok() && second.ok());
  std::byte from{1}, to{0};
  EXPECT_TRUE((*first)->Wait((*first)->CopyToDevice(&to, &from, 1)).ok());
  EXPECT_FALSE((*second)->Wait((*second)->CopyToDevice(&to, &from, 1)).ok());
}

TEST(HostDevice, RefusesMoreMemoryThanThereIs) {
  auto device = CreateHostDevice(std::nullopt, nullptr);
  Status status = device->Allocate(SIZE_MAX / 2).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find(std::to_string(SIZE_MAX / 2)), std::string::npos);
}

}  // namespace
}  // namespace moira
