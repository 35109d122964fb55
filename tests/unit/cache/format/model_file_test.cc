#include "cache/format/model_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "tests/support/temp_folder.h"

namespace moira::format {
namespace {

using testing::TempFolder;

size_t OpenDescriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

TEST(ModelFile, ReadsAtPositions) {
  TempFolder folder;
  Result<ModelFile> file = ModelFile::Open(folder.Write("f", "0123456789"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ(file->size(), 10u);
  std::string text(4, '?');
  ASSERT_TRUE(file->ReadAt(3, std::as_writable_bytes(std::span(text))).ok());
  EXPECT_EQ(text, "3456");
  EXPECT_TRUE(file->ReadAt(10, {}).ok());
}

TEST(ModelFile, ReadsThatLeaveTheFileAreErrors) {
  TempFolder folder;
  std::string path = folder.Write("f", "0123456789");
  Result<ModelFile> file = ModelFile::Open(path);
  ASSERT_TRUE(file.ok());
  std::string text(4, '?');
  std::span<std::byte> destination = std::as_writable_bytes(std::span(text));
  Status status = file->ReadAt(7, destination);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_EQ(status.message(), "short read of 4 bytes at offset 7 of " + path + ": got 3");
  EXPECT_EQ(file->ReadAt(~uint64_t{0}, destination).code(), StatusCode::kIoError);
  EXPECT_EQ(file->ReadAt(uint64_t{1} << 63, destination).code(), StatusCode::kIoError);
}

TEST(ModelFile, ATruncationWhileOpenIsAShortRead) {
  TempFolder folder;
  std::string path = folder.Write("f", "0123456789");
  Result<ModelFile> file = ModelFile::Open(path);
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(truncate(path.c_str(), 2), 0);
  std::string text(10, '?');
  Status status = file->ReadAt(0, std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("got 2"), std::string::npos) << status.message();
}

TEST(ModelFile, WhatIsNoRegularFileIsRefused) {
  TempFolder folder;
  EXPECT_EQ(ModelFile::Open(folder.path() + "/missing").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ModelFile::Open("").status().code(), StatusCode::kNotFound);
  EXPECT_NE(ModelFile::Open(folder.path()).status().message().find("a directory"),
            std::string::npos);
  EXPECT_NE(ModelFile::Open("/dev/null").status().message().find("not a regular file"),
            std::string::npos);
  // A pipe without a writer: an ordinary open would wait for one.
  std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(ModelFile::Open(pipe).status().message().find("not a regular file"), std::string::npos);
}

TEST(ModelFile, OwnsItsDescriptor) {
  TempFolder folder;
  std::string path = folder.Write("f", "content");
  size_t before = OpenDescriptors();
  {
    Result<ModelFile> first = ModelFile::Open(path);
    Result<ModelFile> second = ModelFile::Open(path);
    ASSERT_TRUE(first.ok() && second.ok());
    ModelFile moved = std::move(*first);
    *second = std::move(moved);
    char byte = 0;
    EXPECT_TRUE(second->ReadAt(0, std::as_writable_bytes(std::span(&byte, 1))).ok());
    EXPECT_EQ(byte, 'c');
    EXPECT_FALSE(ModelFile::Open("/dev/null").ok());
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(ModelFile, TheDescriptorIsNotInherited) {
  TempFolder folder;
  std::string path = folder.Write("f", "content");
  Result<ModelFile> file = ModelFile::Open(path);
  ASSERT_TRUE(file.ok());
  bool found = false;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry, ignored) != path) continue;
    found = true;
    EXPECT_TRUE(fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC);
  }
  EXPECT_TRUE(found);
}

TEST(ModelFile, FollowsTheFaultPlan) {
  TempFolder folder;
  Result<ModelFile> file = ModelFile::Open(folder.Write("f", "0123456789"));
  auto faults = FaultPlan::Parse("read:1=error,read:2=short,read:3=delay:1us");
  ASSERT_TRUE(file.ok() && faults.ok());
  std::string text(4, '?');
  auto read = [&] {
    return file->ReadAt(0, std::as_writable_bytes(std::span(text)), faults->get());
  };
  Status error = read();
  EXPECT_EQ(error.code(), StatusCode::kIoError);
  EXPECT_EQ(text, "????");
  Status short_read = read();
  EXPECT_EQ(short_read.code(), StatusCode::kIoError);
  EXPECT_TRUE(short_read.message().starts_with("short read")) << short_read.message();
  EXPECT_TRUE(read().ok());
  EXPECT_EQ(text, "0123");
  EXPECT_TRUE(read().ok());
}

}  // namespace
}  // namespace moira::format
