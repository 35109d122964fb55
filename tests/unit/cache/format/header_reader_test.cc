#include "cache/format/header_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "cache/device/checked.h"
#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::ByteWriter;
using testing::TempFolder;

class HeaderReaderTest : public ::testing::Test {
 protected:
  ModelFile Open(const std::string& bytes) {
    Result<ModelFile> file = ModelFile::Open(folder_.Write("file", bytes));
    EXPECT_TRUE(file.ok()) << file.status().message();
    return std::move(file).value();
  }

  TempFolder folder_;
};

TEST_F(HeaderReaderTest, ReadsValuesAndStringsInOrder) {
  ModelFile file = Open(
      ByteWriter().Put<uint32_t>(0x01020304).PutString("key").Put<uint8_t>(9).Put(1.5).bytes());
  HeaderReader reader(file);
  uint32_t number = 0;
  std::string text;
  uint8_t byte = 0;
  double real = 0;
  ASSERT_TRUE(reader.Read(number).ok());
  ASSERT_TRUE(reader.ReadString(3, text).ok());
  ASSERT_TRUE(reader.Read(byte).ok());
  EXPECT_EQ(reader.remaining(), 8u);
  ASSERT_TRUE(reader.Read(real).ok());
  EXPECT_EQ(number, 0x01020304u);
  EXPECT_EQ(text, "key");
  EXPECT_EQ(byte, 9);
  EXPECT_EQ(real, 1.5);
  EXPECT_EQ(reader.position(), file.size());
  EXPECT_EQ(reader.remaining(), 0u);
}

// Values that lie across the end of the reader's buffer, at every offset to it.
TEST_F(HeaderReaderTest, CrossesTheEndOfItsBuffer) {
  constexpr size_t kBytes = 200'000;
  std::string bytes(kBytes, '\0');
  for (size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  ModelFile file = Open(bytes);
  HeaderReader reader(file);
  for (size_t i = 0; i + 3 <= kBytes; i += 3) {
    std::array<char, 3> three;
    ASSERT_TRUE(reader.Read(three).ok());
    ASSERT_EQ(std::string(three.data(), 3), bytes.substr(i, 3)) << i;
  }
}

TEST_F(HeaderReaderTest, AStringMayBeLongerThanItsBuffer) {
  std::string text(300'000, 'x');
  text.back() = 'y';
  ModelFile file = Open(ByteWriter().Put<uint8_t>(1).PutString(text).Put<uint8_t>(2).bytes());
  HeaderReader reader(file);
  uint8_t before = 0, after = 0;
  std::string read;
  ASSERT_TRUE(reader.Read(before).ok());
  ASSERT_TRUE(reader.ReadString(1 << 20, read).ok());
  ASSERT_TRUE(reader.Read(after).ok());
  EXPECT_EQ(read, text);
  EXPECT_EQ(after, 2);
}

TEST_F(HeaderReaderTest, NeverReadsBehindTheEnd) {
  ModelFile file = Open("1234567");
  HeaderReader reader(file);
  uint64_t value = 0;
  Status status = reader.Read(value);
  EXPECT_EQ(status.code(), StatusCode::kInvalidData);
  EXPECT_EQ(status.message(), "8 bytes needed at offset 0, the file has 7 left");
  // A failed read took nothing.
  uint32_t half = 0;
  EXPECT_TRUE(reader.Read(half).ok());
  EXPECT_EQ(reader.remaining(), 3u);
}

TEST_F(HeaderReaderTest, ExpectAtLeastComparesWithWhatIsLeft) {
  ModelFile file = Open(std::string(10, 'x'));
  HeaderReader reader(file);
  EXPECT_TRUE(reader.ExpectAtLeast(5, 2).ok());
  EXPECT_FALSE(reader.ExpectAtLeast(11, 1).ok());
  EXPECT_EQ(reader.ExpectAtLeast(uint64_t{1} << 63, 2).message(),
            "more than 2^64 bytes needed at offset 0, the file has 10 left");
}

TEST_F(HeaderReaderTest, AStringIsHeldToItsMaximum) {
  ModelFile file = Open(ByteWriter().PutString("four").bytes());
  std::string text;
  HeaderReader reader(file);
  EXPECT_EQ(reader.ReadString(3, text).message(), "length 4 exceeds 3");
  EXPECT_TRUE(text.empty());
}

TEST_F(HeaderReaderTest, AFileThatShrinksIsAnIoError) {
  std::string path = folder_.Write("shrinking", std::string(100, 'x'));
  Result<ModelFile> file = ModelFile::Open(path);
  ASSERT_TRUE(file.ok());
  folder_.Write("shrinking", "x");
  HeaderReader reader(*file);
  uint64_t value = 0;
  EXPECT_EQ(reader.Read(value).code(), StatusCode::kIoError);
}

TEST(InContext, PutsTheContextBeforeTheMessage) {
  EXPECT_TRUE(InContext("field", Status()).ok());
  Status status = InContext("field", InvalidData("bad"));
  EXPECT_EQ(status.code(), StatusCode::kInvalidData);
  EXPECT_EQ(status.message(), "field: bad");
}

}  // namespace
}  // namespace moira::format
