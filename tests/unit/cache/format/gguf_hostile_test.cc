// One file per way to break the format; the names of published vulnerabilities stand with the case
// that would have caught them.

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cache/format/gguf.h"
#include "cache/format/limits.h"
#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::ByteWriter;
using testing::GgufWriter;
using testing::kGgufArrayId;
using testing::TempFolder;

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kF32 = 0;
constexpr uint32_t kQ4K = 12;
constexpr uint32_t kStringId = 8;

struct HostileFile {
  const char* name;
  std::string bytes;
  StatusCode code;
  std::string message;  // a part of it

  friend void PrintTo(const HostileFile& file, std::ostream* out) { *out << file.name; }
};

ByteWriter Head(uint64_t tensors, uint64_t entries, uint32_t version = 3) {
  return ByteWriter().PutBytes("GGUF").Put(version).Put(tensors).Put(entries);
}

// A file with one key, written by hand.
std::string OneKey(std::string_view key, uint32_t type, std::string_view value) {
  return Head(0, 1).PutString(key).Put(type).PutBytes(value).bytes();
}

std::string ArrayValue(uint32_t type, uint64_t count, std::string_view elements) {
  return ByteWriter().Put(type).Put(count).PutBytes(elements).bytes();
}

// A file with one tensor entry, `data` bytes behind the padded header.
std::string OneTensor(std::string_view name, uint32_t type, const std::vector<uint64_t>& shape,
                      uint64_t offset, size_t data) {
  return ByteWriter()
      .PutBytes(GgufWriter().AddRawTensor(name, type, shape, offset).HeaderBytes())
      .PadTo(32)
      .PutBytes(std::string(data, 'd'))
      .bytes();
}

// Two F32 tensors of four values, the second at `offset`, with enough data for both.
std::string TwoTensors(std::string_view second_name, uint64_t offset) {
  return ByteWriter()
      .PutBytes(GgufWriter()
                    .AddRawTensor("a", kF32, {4}, 0)
                    .AddRawTensor(second_name, kF32, {4}, offset)
                    .HeaderBytes())
      .PadTo(32)
      .PutBytes(std::string(256, 'd'))
      .bytes();
}

std::vector<HostileFile> HeaderFiles() {
  constexpr StatusCode kBad = StatusCode::kInvalidData;
  constexpr StatusCode kNo = StatusCode::kUnsupported;
  return {
      {"Empty", "", kBad, "magic: 4 bytes needed at offset 0, the file has 0 left"},
      {"MagicCut", "GGU", kBad, "magic: 4 bytes needed at offset 0, the file has 3 left"},
      {"MagicOfAnOlderFormat", "ggjt" + std::string(64, '\0'), kBad, "magic: not a GGUF file"},
      {"MagicInLowerCase", "gguf" + std::string(64, '\0'), kBad, "magic: not a GGUF file"},
      {"MagicReversed", "FUGG" + std::string(64, '\0'), kBad, "magic: not a GGUF file"},
      {"Cve2024_39720_MagicOnly", "GGUF", kBad, "version: 4 bytes needed"},
      {"VersionCut", "GGUF\x03", kBad, "version: 4 bytes needed at offset 4, the file has 1 left"},
      {"VersionZero", Head(0, 0, 0).bytes(), kNo, "version 0; supported are 2 to 3"},
      {"VersionOne", Head(0, 0, 1).bytes(), kNo, "version 1; supported are 2 to 3"},
      {"VersionFour", Head(0, 0, 4).bytes(), kNo, "version 4; supported are 2 to 3"},
      {"VersionHuge", Head(0, 0, 0xFFFFFFFF).bytes(), kNo, "version 4294967295;"},
      {"BigEndian", Head(0, 0, 0x03000000).bytes(), kNo, "version 3 in big-endian byte order"},
      {"CountsMissing", "GGUF" + std::string("\x03\0\0\0", 4), kBad, "tensor count: 8 bytes"},
      {"MetadataCountMissing", Head(0, 0).bytes().substr(0, 16), kBad, "metadata count: 8 bytes"},
      {"Cve2024_21836_TensorCountHuge", Head(kHuge, 0).bytes(), kBad,
       "tensor count 18446744073709551615 exceeds 1048576"},
      {"TensorCountWrapsAsSigned", Head(uint64_t{1} << 63, 0).bytes(), kBad, "tensor count"},
      {"TensorCountBeyondFile", Head(1000, 0).bytes(), kBad,
       "tensor count 1000: 33000 bytes needed at offset 24, the file has 0 left"},
      {"TensorCountOneMore", Head(1, 0).bytes(), kBad, "tensor count 1: 33 bytes needed"},
      {"Cve2024_23605_MetadataCountHuge", Head(0, kHuge).bytes(), kBad,
       "metadata count 18446744073709551615 exceeds 65536"},
      {"MetadataCountBeyondFile", Head(0, 1000).bytes(), kBad,
       "metadata count 1000: 14000 bytes needed at offset 24, the file has 0 left"},
      {"MetadataCountOneMore",
       Head(0, 2).PutString("a.key.of.some.length").Put<uint32_t>(4).Put<uint32_t>(1).bytes(), kBad,
       "name of key 1: 8 bytes needed"},
  };
}

std::vector<HostileFile> MetadataFiles() {
  constexpr StatusCode kBad = StatusCode::kInvalidData;
  const std::string pad(64, ' ');
  auto long_string = [](uint64_t length) {
    return ByteWriter().Put(length).PutBytes("abc").bytes();
  };
  auto key = [&](std::string_view name) { return OneKey(name, 7, "\x01" + pad); };
  return {
      {"Cve2024_21825_KeyLengthHuge", Head(0, 1).Put(kHuge).PutBytes(pad).bytes(), kBad,
       "name of key 0: length 18446744073709551615 exceeds 256"},
      {"KeyLengthBeyondFile", Head(0, 1).Put<uint64_t>(200).PutBytes(pad).bytes(), kBad,
       "name of key 0: 200 bytes needed at offset 32, the file has 64 left"},
      {"KeyEmpty", key(""), kBad, "name of key 0: empty"},
      {"KeyNotUtf8",
       key("gener\xFF"
           "al"),
       kBad, "name of key 0: not UTF-8 at byte 5"},
      {"KeyOverlongUtf8", key("a\xC0\xAF"), kBad, "name of key 0: not UTF-8 at byte 1"},
      {"KeySurrogate", key("\xED\xA0\x80"), kBad, "name of key 0: not UTF-8 at byte 0"},
      {"KeyCutSequence", key("ab\xE2\x82"), kBad, "name of key 0: not UTF-8 at byte 2"},
      {"KeyWithLineBreak", key("a\nb"), kBad, "name of key 0: control character at byte 1"},
      {"KeyWithNul", key(std::string("a\0b", 3)), kBad, "control character at byte 1"},
      {"KeyWithDelete", key("ab\x7F"), kBad, "control character at byte 2"},
      {"KeyWithC1Control",
       key("\xC2\x9B"
           "31m"),
       kBad, "control character at byte 0"},
      {"KeyTwice",
       Head(0, 2)
           .PutString("k")
           .Put<uint32_t>(7)
           .Put<uint8_t>(1)
           .PutString("k")
           .Put<uint32_t>(7)
           .Put<uint8_t>(1)
           .bytes(),
       kBad, "key 'k' is there twice"},
      {"ValueTypeUnknown", OneKey("k", 13, pad), kBad, "value of key 'k': unknown value type 13"},
      {"ValueTypeHuge", OneKey("k", 0xFFFFFFFF, pad), kBad, "unknown value type 4294967295"},
      {"ValueTypeCut", OneKey("a.long.key", 7, "").substr(0, 44), kBad,
       "value of key 'a.long.key': value type: 4 bytes needed"},
      {"ValueCut", OneKey("k", 12, "1234567"), kBad, "value of key 'k': 8 bytes needed"},
      {"BooleanTwo", OneKey("k", 7, "\x02"), kBad, "value of key 'k': boolean 2 is not 0 or 1"},
      {"Cve2024_23496_StringLengthHuge", OneKey("k", kStringId, long_string(kHuge)), kBad,
       "value of key 'k': length 18446744073709551615 exceeds 16777216"},
      {"Cve2025_66960_StringLengthBeyondFile", OneKey("k", kStringId, long_string(4)), kBad,
       "value of key 'k': 4 bytes needed at offset 45, the file has 3 left"},
      {"StringLengthNarrowsTo32Bits", OneKey("k", kStringId, long_string(0x100000003)), kBad,
       "length 4294967299 exceeds"},
      {"ArrayTypeUnknown", OneKey("k", kGgufArrayId, ArrayValue(13, 1, pad)), kBad,
       "value of key 'k': unknown element type 13"},
      {"ArrayOfArrays", OneKey("k", kGgufArrayId, ArrayValue(9, 1, ArrayValue(0, 1, "x"))), kBad,
       "value of key 'k': array of arrays; nesting is at most 1"},
      {"ArrayCountHuge", OneKey("k", kGgufArrayId, ArrayValue(0, kHuge, pad)), kBad,
       "18446744073709551615 elements exceed 16777216"},
      {"ArrayBytesWrap", OneKey("k", kGgufArrayId, ArrayValue(10, uint64_t{1} << 61, pad)), kBad,
       "2305843009213693952 elements exceed 16777216"},
      {"Cve2025_0315_ArrayBeyondFile", OneKey("k", kGgufArrayId, ArrayValue(10, 16 << 20, pad)),
       kBad, "16777216 elements: 134217728 bytes needed at offset 49, the file has 64 left"},
      {"ArrayOneElementMore", OneKey("k", kGgufArrayId, ArrayValue(4, 17, pad)), kBad,
       "17 elements: 68 bytes needed"},
      {"ArrayOfStringsBeyondFile", OneKey("k", kGgufArrayId, ArrayValue(8, 9, pad)), kBad,
       "9 elements: 72 bytes needed"},
      {"ArrayBooleanTwo", OneKey("k", kGgufArrayId, ArrayValue(7, 3, "\x01\x01\x02")), kBad,
       "element 2: boolean 2 is not 0 or 1"},
      {"Cve2025_49847_TokenLengthHuge",
       OneKey(
           "tokenizer.ggml.tokens", kGgufArrayId,
           ArrayValue(
               8, 2, ByteWriter().PutString("ok").Put<uint64_t>(0x80000001).PutBytes(pad).bytes())),
       kBad, "value of key 'tokenizer.ggml.tokens': element 1: length 2147483649 exceeds"},
      {"Cve2024_32878_FailsInsideAnArray",
       OneKey("k", kGgufArrayId,
              ArrayValue(8, 3,
                         ByteWriter()
                             .PutString("a string too long to lie inside")
                             .PutString("ab")
                             .Put<uint64_t>(9)
                             .bytes())),
       kBad, "element 2: 9 bytes needed"},
      {"Cve2025_0317_AlignmentZero", GgufWriter().SetAlignment(0).HeaderBytes(), kBad,
       "key 'general.alignment' is 0, outside 8 to 65536"},
      {"AlignmentNoPowerOfTwo", GgufWriter().SetAlignment(48).HeaderBytes(), kBad,
       "key 'general.alignment' is 48, not a power of two"},
      {"AlignmentTooSmall", GgufWriter().SetAlignment(4).HeaderBytes(), kBad, "is 4, outside 8"},
      {"AlignmentTooLarge", GgufWriter().SetAlignment(131072).HeaderBytes(), kBad,
       "is 131072, outside 8 to 65536"},
      {"AlignmentThatWraps", GgufWriter().SetAlignment(0xFFFFFFFF).HeaderBytes(), kBad,
       "is 4294967295, outside"},
      {"AlignmentNegative", GgufWriter().Set("general.alignment", int32_t{-32}).HeaderBytes(), kBad,
       "is -32, outside"},
      {"AlignmentAsText", GgufWriter().Set("general.alignment", "32").HeaderBytes(), kBad,
       "key 'general.alignment' is a string, not an integer"},
  };
}

std::vector<HostileFile> TensorFiles() {
  constexpr StatusCode kBad = StatusCode::kInvalidData;
  constexpr uint64_t kMax = kMaxDimension;
  // Each has 2^62 bytes; four of them are 2^64.
  GgufWriter wrapping;
  for (int i = 0; i < 5; ++i) {
    wrapping.AddRawTensor("t" + std::to_string(i), kF32, {1 << 20, 1 << 20, 1 << 20},
                          static_cast<uint64_t>(i) << 62);
  }
  return {
      {"TensorNameLengthHuge", Head(1, 0).Put(kHuge).PutBytes(std::string(64, 'x')).bytes(), kBad,
       "name of tensor 0: length 18446744073709551615 exceeds 256"},
      {"TensorNameEmpty", OneTensor("", kF32, {4}, 0, 16), kBad, "name of tensor 0: empty"},
      {"TensorNameNotUtf8", OneTensor("a\x80", kF32, {4}, 0, 16), kBad,
       "name of tensor 0: not UTF-8 at byte 1"},
      {"TensorNameWithEscape", OneTensor("\x1B[2J", kF32, {4}, 0, 16), kBad,
       "name of tensor 0: control character at byte 0"},
      {"TensorNameTwice", TwoTensors("a", 32), kBad, "tensor 'a' is there twice"},
      {"NoDimensions", OneTensor("a", kF32, {}, 0, 16), kBad,
       "dimension count 0 is outside 1 to 4"},
      {"Cve2024_21802_FiveDimensions", OneTensor("a", kF32, {1, 1, 1, 1, 1}, 0, 16), kBad,
       "tensor 'a': dimension count 5 is outside 1 to 4"},
      {"Cve2025_1975_DimensionCountHuge",
       Head(1, 0).PutString("a").Put<uint32_t>(0xFFFFFFFF).PutBytes(std::string(64, 1)).bytes(),
       kBad, "dimension count 4294967295 is outside"},
      {"DimensionZero", OneTensor("a", kF32, {4, 0}, 0, 16), kBad,
       "tensor 'a': dimension 1: 0 is outside 1 to 2147483647"},
      {"DimensionTooLarge", OneTensor("a", kF32, {kMax + 1}, 0, 16), kBad,
       "dimension 0: 2147483648 is outside"},
      {"DimensionNegative", OneTensor("a", kF32, {4, kHuge}, 0, 16), kBad, "dimension 1: 1844674"},
      {"Cve2026_33298_ProductWraps", OneTensor("a", kF32, {kMax, kMax, kMax, kMax}, 0, 16), kBad,
       "tensor 'a': size: the product of the dimensions exceeds 64 bits"},
      {"ProductWrapsToSixteenBytes", OneTensor("a", kF32, {4, 1 << 30, 1 << 30, 1 << 4}, 0, 16),
       kBad, "exceeds 64 bits"},
      {"ProductOfElementsFitsButBytesDoNot", OneTensor("a", kF32, {1 << 30, 1 << 30, 4}, 0, 16),
       kBad, "exceeds 64 bits"},
      {"TypeUnknown", OneTensor("a", 77, {4}, 0, 16), StatusCode::kUnsupported,
       "tensor 'a': type 77 is unknown"},
      {"TypeRemovedFromTheFormat", OneTensor("a", 4, {32}, 0, 64), StatusCode::kUnsupported,
       "type 4 is unknown"},
      {"TypeHuge", OneTensor("a", 0xFFFFFFFF, {4}, 0, 16), StatusCode::kUnsupported,
       "type 4294967295 is unknown"},
      {"RowNoWholeBlocks", OneTensor("a", kQ4K, {32, 8}, 0, 144), kBad,
       "dimension 0: 32 is no multiple of the block size 256 of Q4_K"},
      {"EntryCut", OneTensor("a", kF32, {4}, 0, 0).substr(0, 24 + 9 + 4 + 8 + 4 + 7), kBad,
       "tensor count 1"},
      {"OffsetNotAligned", OneTensor("a", kF32, {4}, 16, 64), kBad,
       "tensor 'a': offset 16 is no multiple of the alignment 32"},
      {"OffsetOfTheFirstNotZero", OneTensor("a", kF32, {4}, 32, 64), kBad,
       "tensor 'a': offset 32 leaves a gap that is no padding, expected 0"},
      {"OffsetThatWraps", OneTensor("a", kF32, {4}, kHuge - 31, 64), kBad, "leaves a gap"},
      {"TensorsAtOnePlace", TwoTensors("b", 0), kBad, "overlaps the tensor before it, expected 32"},
      {"GapOfOneAlignment", TwoTensors("b", 64), kBad,
       "tensor 'b': offset 64 leaves a gap that is no padding, expected 32"},
      {"OverlapOfALongTensor",
       ByteWriter()
           .PutBytes(GgufWriter()
                         .AddRawTensor("a", kF32, {16}, 0)
                         .AddRawTensor("b", kF32, {4}, 32)
                         .HeaderBytes())
           .PadTo(32)
           .PutBytes(std::string(256, 'd'))
           .bytes(),
       kBad, "tensor 'b': offset 32 overlaps the tensor before it, expected 64"},
      {"Cve2026_7482_TensorLargerThanFile", OneTensor("a", kF32, {1 << 20}, 0, 16), kBad,
       "tensor 'a': offset 0 with 4194304 bytes ends behind the file's"},
      {"TensorOneByteLargerThanFile", OneTensor("a", kF32, {4}, 0, 15), kBad,
       "offset 0 with 16 bytes ends behind the file's 79"},
      {"DataMissing", GgufWriter().AddRawTensor("a", kF32, {4}, 0).HeaderBytes(), kBad,
       "ends behind the file's"},
      {"ExabytesClaimed", OneTensor("a", kF32, {1 << 30, 1 << 30, 1}, 0, 16), kBad,
       "with 4611686018427387904 bytes ends behind"},
      {"Cve2025_53630_Cve2026_27940_SumOfSizesWraps",
       ByteWriter().PutBytes(wrapping.HeaderBytes()).PadTo(32).PutBytes("data").bytes(), kBad,
       "ends behind the file's"},
  };
}

class GgufHostile : public ::testing::TestWithParam<HostileFile> {};

TEST_P(GgufHostile, IsRefusedInOneLineThatNamesFileFieldValueAndBound) {
  TempFolder folder;
  std::string path = folder.Write("hostile.gguf", GetParam().bytes);
  Result<Gguf> gguf = Gguf::Open(path);
  ASSERT_FALSE(gguf.ok());
  EXPECT_EQ(gguf.status().code(), GetParam().code) << gguf.status().message();
  EXPECT_TRUE(gguf.status().message().starts_with(path + ": ")) << gguf.status().message();
  EXPECT_NE(gguf.status().message().find(GetParam().message), std::string::npos)
      << gguf.status().message();
  EXPECT_EQ(gguf.status().message().find('\n'), std::string::npos);
}

std::string CaseName(const ::testing::TestParamInfo<HostileFile>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Header, GgufHostile, ::testing::ValuesIn(HeaderFiles()), CaseName);
INSTANTIATE_TEST_SUITE_P(Metadata, GgufHostile, ::testing::ValuesIn(MetadataFiles()), CaseName);
INSTANTIATE_TEST_SUITE_P(Tensors, GgufHostile, ::testing::ValuesIn(TensorFiles()), CaseName);

}  // namespace
}  // namespace moira::format
