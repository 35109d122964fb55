#include "cache/device/machine.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "cache/device/thread_pool.h"
#include "tests/support/temp_folder.h"

namespace moira {
namespace {

TEST(CgroupCpuLimit, IsTheQuotaInWholeCpus) {
  EXPECT_EQ(CgroupCpuLimit("200000 100000"), 2u);
  EXPECT_EQ(CgroupCpuLimit("150000 100000"), 2u);
  EXPECT_EQ(CgroupCpuLimit("100000 100000"), 1u);
  EXPECT_EQ(CgroupCpuLimit("1000 100000"), 1u);
  EXPECT_EQ(CgroupCpuLimit("18446744073709551615 1"), 4294967295u);
}

TEST(CgroupCpuLimit, OtherTextIsNoLimit) {
  for (const char* text : {"", "max 100000", "max", "100000", "0 100000", "100000 0", "-1 100000",
                           "1e5 100000", "99999999999999999999 1"}) {
    EXPECT_EQ(CgroupCpuLimit(text), std::nullopt) << text;
  }
}

// A copy of what the kernel shows of a machine whose CPU i has these siblings.
void WriteTopology(const testing::TempFolder& folder, const std::vector<std::string>& siblings) {
  for (size_t cpu = 0; cpu < siblings.size(); ++cpu) {
    std::string path = folder.path() + "/cpu" + std::to_string(cpu) + "/topology";
    std::filesystem::create_directories(path);
    std::ofstream(path + "/thread_siblings_list") << siblings[cpu] << "\n";
  }
}

TEST(CountPhysicalCores, CountsHardwareThreadsOfACoreOnce) {
  testing::TempFolder folder;
  WriteTopology(folder, {"0,2", "1,3", "0,2", "1,3", "4"});
  EXPECT_EQ(CountPhysicalCores(folder.path(), std::vector<unsigned>{0, 1, 2, 3, 4}), 3u);
  EXPECT_EQ(CountPhysicalCores(folder.path(), std::vector<unsigned>{0, 2}), 1u);
  EXPECT_EQ(CountPhysicalCores(folder.path(), std::vector<unsigned>{0, 3}), 2u);
  EXPECT_EQ(CountPhysicalCores(folder.path(), std::vector<unsigned>{}), 0u);
}

TEST(CountPhysicalCores, ACpuOfUnknownTopologyIsACore) {
  testing::TempFolder folder;
  EXPECT_EQ(CountPhysicalCores(folder.path(), std::vector<unsigned>{0, 1, 2}), 3u);
}

TEST(DefaultThreadCount, FollowsTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_GE(DefaultThreadCount(), 1u);
  EXPECT_LE(DefaultThreadCount(), static_cast<unsigned>(CPU_COUNT(&before)));
  // The mask of a thread of its own: the others keep theirs.
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(DefaultThreadCount(), 1u);
  }).join();
}

TEST(PhysicalMemoryBytes, IsNotAboveWhatTheKernelTells) {
  std::ifstream file("/proc/meminfo");
  std::string label;
  uint64_t kibibytes = 0;
  ASSERT_TRUE(file >> label >> kibibytes);
  EXPECT_GT(PhysicalMemoryBytes(), 0u);
  EXPECT_LE(PhysicalMemoryBytes(), kibibytes * 1024);
}

}  // namespace
}  // namespace moira
