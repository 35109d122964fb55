#include "engine/memory_info.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_folder.h"

namespace moira::engine {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class MemoryInfoTest : public ::testing::Test {
 protected:
  MemoryInfoTest() {
    Write("/proc/meminfo",
          "MemTotal:       16384000 kB\nMemFree:  1000 kB\nMemAvailable:   8192000 kB\n");
  }

  void Write(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_.path() + path).parent_path());
    root_.Write(path.substr(1), content);
  }
  MemoryInfo Read() { return ReadMemoryInfo(root_.path()).value(); }

  testing::TempFolder root_;
};

TEST_F(MemoryInfoTest, ReadsTheKernelsFigures) {
  EXPECT_EQ(Read().total, uint64_t{16384000} * 1024);
  EXPECT_EQ(Read().available, uint64_t{8192000} * 1024);
}

TEST_F(MemoryInfoTest, AGroupsLimitCountsWithoutItsReclaimableFilePages) {
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  Write("/sys/fs/cgroup/a/memory.max", std::to_string(1000 * kMiB) + "\n");
  Write("/sys/fs/cgroup/a/memory.current", std::to_string(700 * kMiB) + "\n");
  Write("/sys/fs/cgroup/a/memory.stat",
        "anon 5\ninactive_file " + std::to_string(200 * kMiB) + "\n");
  EXPECT_EQ(Read().total, 1000 * kMiB);
  EXPECT_EQ(Read().available, 500 * kMiB);
}

TEST_F(MemoryInfoTest, AContainersOwnRootIsLookedAt) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", std::to_string(512 * kMiB) + "\n");
  EXPECT_EQ(Read().available, 512 * kMiB);
}

TEST_F(MemoryInfoTest, KnowsVersionOne) {
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n3:memory:/jobs/1\n");
  Write("/sys/fs/cgroup/memory/jobs/1/memory.limit_in_bytes", std::to_string(300 * kMiB) + "\n");
  Write("/sys/fs/cgroup/memory/jobs/1/memory.usage_in_bytes", std::to_string(100 * kMiB) + "\n");
  EXPECT_EQ(Read().available, 200 * kMiB);
}

TEST_F(MemoryInfoTest, AGroupOverItsLimitHasNothing) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "1000\n");
  Write("/sys/fs/cgroup/memory.current", "2000\n");
  EXPECT_EQ(Read().available, 0u);
}

TEST_F(MemoryInfoTest, SaysWhatIsMissing) {
  Write("/proc/meminfo", "MemTotal: 5 kB\n");
  EXPECT_EQ(ReadMemoryInfo(root_.path()).status().code(), StatusCode::kIoError);
}

TEST(MemoryInfo, WorksOnThisMachine) {
  const auto info = ReadMemoryInfo();
  ASSERT_TRUE(info.ok()) << info.status().message();
  EXPECT_GT(info->available, 0u);
  EXPECT_LE(info->available, info->total);
}

}  // namespace
}  // namespace moira::engine
