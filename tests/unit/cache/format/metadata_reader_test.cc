#include "cache/format/metadata_reader.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::GgufWriter;
using testing::TempFolder;

// The entries that `writer` holds, as they are read back.
Result<Metadata> ReadBack(const GgufWriter& writer, uint64_t count) {
  constexpr size_t kHeaderBytes = 24;
  TempFolder folder;
  Result<ModelFile> file =
      ModelFile::Open(folder.Write("entries", writer.HeaderBytes().substr(kHeaderBytes)));
  if (!file.ok()) return file.status();
  HeaderReader reader(*file);
  return ReadMetadata(reader, count);
}

// Writes the extreme values of a type and the array of them and expects them back as a `Held`.
template <typename Stored, typename Held>
void ExpectReadsBack() {
  using Limits = std::numeric_limits<Stored>;
  std::vector<Stored> values = {Limits::lowest(), Limits::min(), Stored{0}, Stored{1},
                                Limits::max()};
  GgufWriter writer;
  for (size_t i = 0; i < values.size(); ++i) writer.Set(std::to_string(i), values[i]);
  writer.Set("all", values);
  Result<Metadata> metadata = ReadBack(writer, values.size() + 1);
  ASSERT_TRUE(metadata.ok()) << metadata.status().message();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(metadata->entries().at(std::to_string(i)),
              MetadataValue(static_cast<Held>(values[i])));
  }
  EXPECT_EQ(metadata->entries().at("all"),
            MetadataValue(std::vector<Held>(values.begin(), values.end())));
}

TEST(MetadataReader, EveryNumberTypeReadsBack) {
  ExpectReadsBack<uint8_t, uint64_t>();
  ExpectReadsBack<uint16_t, uint64_t>();
  ExpectReadsBack<uint32_t, uint64_t>();
  ExpectReadsBack<uint64_t, uint64_t>();
  ExpectReadsBack<int8_t, int64_t>();
  ExpectReadsBack<int16_t, int64_t>();
  ExpectReadsBack<int32_t, int64_t>();
  ExpectReadsBack<int64_t, int64_t>();
  ExpectReadsBack<float, double>();
  ExpectReadsBack<double, double>();
}

TEST(MetadataReader, BooleansAndStringsReadBack) {
  // A string may hold any bytes: tokens are not always whole characters.
  std::string bytes("\x80\0\n", 3);
  Result<Metadata> metadata = ReadBack(GgufWriter()
                                           .Set("yes", true)
                                           .Set("no", false)
                                           .Set("text", bytes)
                                           .Set("flags", std::vector<bool>{true, false})
                                           .Set("texts", std::vector<std::string>{"", bytes})
                                           .Set("none", std::vector<std::string>{}),
                                       6);
  ASSERT_TRUE(metadata.ok()) << metadata.status().message();
  EXPECT_EQ(metadata->Bool("yes").value(), true);
  EXPECT_EQ(metadata->Bool("no").value(), false);
  EXPECT_EQ(metadata->String("text").value(), bytes);
  EXPECT_EQ(metadata->entries().at("flags"), MetadataValue(std::vector<bool>{true, false}));
  EXPECT_EQ(*metadata->Strings("texts").value(), (std::vector<std::string>{"", bytes}));
  EXPECT_TRUE(metadata->Strings("none").value()->empty());
}

TEST(MetadataReader, StopsAfterTheCount) {
  Result<Metadata> metadata = ReadBack(GgufWriter().Set("a", true).Set("b", true), 1);
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(metadata->entries().size(), 1u);
}

TEST(MetadataReader, NamesMayBeAnyPrintableUtf8) {
  for (const char* name : {"a", "a b", "\xC3\xA9", "\xE2\x96\x81", "\xF0\x9F\x98\x80", "~"}) {
    EXPECT_TRUE(ReadBack(GgufWriter().Set(name, true), 1).ok()) << name;
  }
}

}  // namespace
}  // namespace moira::format
