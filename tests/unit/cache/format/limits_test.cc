// Each value of limits.h that the GGUF reader enforces: the largest that is allowed is accepted,
// the next one refused.

#include "cache/format/limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cache/format/gguf.h"
#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::ByteWriter;
using testing::GgufWriter;
using testing::TempFolder;

Status Opens(const std::string& bytes) {
  TempFolder folder;
  return Gguf::Open(folder.Write("limit.gguf", bytes)).status();
}

void ExpectAccepted(const std::string& bytes) {
  Status status = Opens(bytes);
  EXPECT_TRUE(status.ok()) << status.message();
}

void ExpectRefused(const std::string& bytes, const std::string& message) {
  Status status = Opens(bytes);
  EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
}

std::string ManyKeys(uint64_t count) {
  GgufWriter writer;
  for (uint64_t i = 0; i < count; ++i) writer.Set("k" + std::to_string(i), true);
  return writer.Bytes();
}

std::string ManyTensors(uint64_t count) {
  GgufWriter writer;
  writer.SetAlignment(8);
  for (uint64_t i = 0; i < count; ++i) {
    writer.AddRawTensor(std::to_string(i), static_cast<uint32_t>(TensorType::kF32), {1}, i * 8);
  }
  return ByteWriter()
      .PutBytes(writer.HeaderBytes())
      .PadTo(8)
      .PutBytes(std::string(count * 8, '\0'))
      .bytes();
}

TEST(Limits, Versions) {
  ExpectAccepted(GgufWriter(kMinGgufVersion).Bytes());
  ExpectAccepted(GgufWriter(kMaxGgufVersion).Bytes());
  ExpectRefused(GgufWriter(kMinGgufVersion - 1).Bytes(), "version 1;");
  ExpectRefused(GgufWriter(kMaxGgufVersion + 1).Bytes(), "version 4;");
}

TEST(Limits, MetadataEntries) {
  ExpectAccepted(ManyKeys(kMaxMetadataEntries));
  ExpectRefused(ManyKeys(kMaxMetadataEntries + 1), "metadata count 65537 exceeds 65536");
}

TEST(Limits, Tensors) {
  ExpectAccepted(ManyTensors(kMaxTensors));
  ExpectRefused(ManyTensors(kMaxTensors + 1), "tensor count 1048577 exceeds 1048576");
}

TEST(Limits, TensorsOfASplitSetTogether) {
  TempFolder folder;
  std::string path = folder.path() + "/big";
  GgufWriter first, second;
  first.Set("split.no", uint16_t{0}).Set("split.count", uint16_t{2});
  second.Set("split.no", uint16_t{1}).Set("split.count", uint16_t{2});
  auto add = [](GgufWriter& writer, uint64_t from, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      writer.AddTensor(std::to_string(from + i), {1}, std::vector<float>{1});
    }
  };
  add(first, 0, kMaxTensors);
  add(second, kMaxTensors, 1);
  std::string given = folder.Write("big-00001-of-00002.gguf", first.Bytes());
  folder.Write("big-00002-of-00002.gguf", second.Bytes());
  Status status = Gguf::Open(given).status();
  EXPECT_NE(status.message().find("the set's tensors exceed 1048576"), std::string::npos)
      << status.message();
}

TEST(Limits, NameBytes) {
  ExpectAccepted(GgufWriter().Set(std::string(kMaxNameBytes, 'k'), true).Bytes());
  ExpectRefused(GgufWriter().Set(std::string(kMaxNameBytes + 1, 'k'), true).Bytes(),
                "name of key 0: length 257 exceeds 256");
  auto tensor = [](uint64_t bytes) {
    return GgufWriter().AddTensor(std::string(bytes, 't'), {1}, std::vector<float>{1}).Bytes();
  };
  ExpectAccepted(tensor(kMaxNameBytes));
  ExpectRefused(tensor(kMaxNameBytes + 1), "name of tensor 0: length 257 exceeds 256");
}

TEST(Limits, StringBytes) {
  ExpectAccepted(GgufWriter().Set("k", std::string(kMaxStringBytes, 'x')).Bytes());
  ExpectRefused(GgufWriter().Set("k", std::string(kMaxStringBytes + 1, 'x')).Bytes(),
                "length 16777217 exceeds 16777216");
}

TEST(Limits, ArrayElements) {
  ExpectAccepted(GgufWriter().Set("k", std::vector<uint8_t>(kMaxArrayElements)).Bytes());
  ExpectRefused(GgufWriter().Set("k", std::vector<uint8_t>(kMaxArrayElements + 1)).Bytes(),
                "16777217 elements exceed 16777216");
}

TEST(Limits, ArrayNesting) {
  static_assert(kMaxArrayNesting == 1);
  std::string flat = ByteWriter().Put<uint32_t>(0).Put<uint64_t>(1).Put<uint8_t>(5).bytes();
  std::string nested = ByteWriter().Put<uint32_t>(9).Put<uint64_t>(1).PutBytes(flat).bytes();
  ExpectAccepted(GgufWriter().SetRaw("k", testing::kGgufArrayId, flat).Bytes());
  ExpectRefused(GgufWriter().SetRaw("k", testing::kGgufArrayId, nested).Bytes(),
                "nesting is at most 1");
}

TEST(Limits, Dimensions) {
  auto tensor = [](uint64_t dimensions) {
    return GgufWriter()
        .AddZeroTensor("t", TensorType::kF32, std::vector<uint64_t>(dimensions, 2))
        .Bytes();
  };
  ExpectAccepted(tensor(kMinDimensions));
  ExpectAccepted(tensor(kMaxDimensions));
  ExpectRefused(tensor(kMaxDimensions + 1), "dimension count 5 is outside 1 to 4");
  ExpectRefused(ByteWriter()
                    .PutBytes(GgufWriter().AddRawTensor("a", 0, {}, 0).HeaderBytes())
                    .PadTo(64)
                    .bytes(),
                "dimension count 0 is outside 1 to 4");
}

// The largest dimension is too large for a test file: it is refused for the file's size only.
TEST(Limits, Dimension) {
  auto tensor = [](uint64_t dimension) {
    return GgufWriter().AddRawTensor("t", 0, {dimension}, 0).HeaderBytes();
  };
  ExpectRefused(tensor(kMaxDimension), "ends behind the file's");
  ExpectRefused(tensor(kMaxDimension + 1), "dimension 0: 2147483648 is outside 1 to 2147483647");
}

TEST(Limits, Alignment) {
  auto aligned = [](uint64_t alignment) {
    return GgufWriter()
        .SetAlignment(static_cast<uint32_t>(alignment))
        .AddTensor("a", {1}, std::vector<float>{1})
        .AddTensor("b", {1}, std::vector<float>{2})
        .Bytes();
  };
  for (uint64_t alignment = kMinAlignment; alignment <= kMaxAlignment; alignment *= 2) {
    ExpectAccepted(aligned(alignment));
  }
  ExpectRefused(aligned(kMinAlignment / 2), "is 4, outside 8 to 65536");
  ExpectRefused(aligned(kMaxAlignment * 2), "is 131072, outside 8 to 65536");
  // Without the key the default holds: offset 32 follows four bytes.
  ExpectAccepted(GgufWriter()
                     .AddTensor("a", {1}, std::vector<float>{1})
                     .AddTensor("b", {1}, std::vector<float>{2})
                     .Bytes());
  EXPECT_EQ(kDefaultAlignment, 32u);
}

TEST(Limits, SplitFiles) {
  auto claims = [](uint64_t files) {
    return GgufWriter().Set("split.count", static_cast<uint16_t>(files)).Bytes();
  };
  // As far as the name, which is that of a single file.
  ExpectRefused(claims(kMaxSplitFiles), "key 'split.count' is 1024, but the name");
  ExpectRefused(claims(kMaxSplitFiles + 1), "key 'split.count' is 1025, outside 0 to 1024");
}

}  // namespace
}  // namespace moira::format
