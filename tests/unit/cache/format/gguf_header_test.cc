#include "cache/format/gguf_header.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::GgufWriter;
using testing::TempFolder;

Result<GgufHeader> Read(const std::string& bytes) {
  TempFolder folder;
  Result<ModelFile> file = ModelFile::Open(folder.Write("model.gguf", bytes));
  if (!file.ok()) return file.status();
  return ReadGgufHeader(*file);
}

TEST(GgufHeader, DataBeginsAtTheNextMultipleOfTheAlignment) {
  for (uint32_t alignment : {8u, 32u, 256u, 4096u}) {
    GgufWriter writer;
    writer.SetAlignment(alignment).AddTensor("a", {2}, {1, 2}).AddTensor("b", {1}, {3});
    Result<GgufHeader> header = Read(writer.Bytes());
    ASSERT_TRUE(header.ok()) << header.status().message();
    uint64_t start = (writer.HeaderBytes().size() + alignment - 1) / alignment * alignment;
    EXPECT_EQ(header->tensors[0].offset, start);
    EXPECT_EQ(header->tensors[1].offset, start + alignment);
  }
}

TEST(GgufHeader, BytesBehindTheLastTensorAreAllowed) {
  std::string bytes = GgufWriter().AddTensor("a", {1}, {1}).Bytes();
  for (size_t extra : {1, 28, 1000}) EXPECT_TRUE(Read(bytes + std::string(extra, 'x')).ok());
}

TEST(GgufHeader, BothVersionsReadTheSame) {
  for (uint32_t version : {2u, 3u}) {
    Result<GgufHeader> header = Read(GgufWriter(version).Set("k", uint32_t{1}).Bytes());
    ASSERT_TRUE(header.ok()) << header.status().message();
    EXPECT_EQ(header->version, version);
    EXPECT_EQ(header->metadata.Unsigned("k", 0, 9).value(), 1u);
  }
}

TEST(GgufHeader, BigEndianFilesAreRefusedByName) {
  std::string bytes = GgufWriter().Bytes();
  std::swap(bytes[4], bytes[7]);
  Result<GgufHeader> header = Read(bytes);
  EXPECT_EQ(header.status().code(), StatusCode::kUnsupported);
  EXPECT_NE(header.status().message().find("big-endian"), std::string::npos);
}

}  // namespace
}  // namespace moira::format
