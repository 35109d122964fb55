#include "engine/measure.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/temp_folder.h"

namespace moira::engine {
namespace {

std::vector<format::ModelFile> Open(const std::string& path) {
  std::vector<format::ModelFile> files;
  files.push_back(format::ModelFile::Open(path).value());
  return files;
}

TEST(MeasureMemoryRate, GivesARate) {
  ThreadPool pool(2);
  for (uint64_t available : {uint64_t{0}, uint64_t{100} << 20, UINT64_MAX}) {
    const auto rate = MeasureMemoryRate(pool, available);
    ASSERT_TRUE(rate.ok());
    EXPECT_GT(*rate, 1e6);
  }
}

TEST(MeasureFileRate, GivesARateForAnyFileSize) {
  testing::TempFolder folder;
  for (size_t size : {1u, 5000u, 3000000u}) {
    const auto files = Open(folder.Write("file", std::string(size, 'x')));
    const auto rate = MeasureFileRate(files, 4096);
    ASSERT_TRUE(rate.ok());
    EXPECT_GT(*rate, 0);
  }
}

TEST(MeasureFileRate, ReportsAFileThatShrank) {
  testing::TempFolder folder;
  const auto files = Open(folder.Write("file", std::string(100000, 'x')));
  folder.Write("file", "x");
  EXPECT_EQ(MeasureFileRate(files, 4096).status().code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace moira::engine
