#include "cache/format/split_set.h"

#include <gtest/gtest.h>

#include <string>

namespace moira::format {
namespace {

TEST(SplitName, IsReadFromThePath) {
  std::optional<SplitName> name = ParseSplitName("/models/a-b-00002-of-00012.gguf");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->prefix, "/models/a-b");
  EXPECT_EQ(name->number, 2u);
  EXPECT_EQ(name->count, 12u);
  EXPECT_EQ(name->PathOf(1), "/models/a-b-00001-of-00012.gguf");
  EXPECT_EQ(name->PathOf(12), "/models/a-b-00012-of-00012.gguf");
}

TEST(SplitName, OtherNamesAreNone) {
  for (const char* path :
       {"", "model.gguf", "-of-.gguf", "m-0001-of-00002.gguf", "m-00001-of-00002.bin",
        "m-00001_of_00002.gguf", "m-00000-of-00002.gguf", "m-00003-of-00002.gguf",
        "m-0000x-of-00002.gguf", "m-00001-of-0000+.gguf", "m_00001-of-00002.gguf"}) {
    EXPECT_FALSE(ParseSplitName(path)) << path;
  }
}

GgufHeader Header(uint64_t number, uint64_t count) {
  GgufHeader header;
  EXPECT_TRUE(header.metadata.Add("split.no", number).ok());
  EXPECT_TRUE(header.metadata.Add("split.count", count).ok());
  return header;
}

TEST(SplitSet, AFileWithoutKeysOrOfASetOfOneIsSingle) {
  EXPECT_EQ(CountSplitFiles("m.gguf", GgufHeader()).value(), 1u);
  EXPECT_EQ(CountSplitFiles("m-00001-of-00005.gguf", GgufHeader()).value(), 1u);
  EXPECT_EQ(CountSplitFiles("m.gguf", Header(0, 0)).value(), 1u);
  EXPECT_EQ(CountSplitFiles("m.gguf", Header(0, 1)).value(), 1u);
}

TEST(SplitSet, TheNameMustFitTheCount) {
  EXPECT_EQ(CountSplitFiles("m-00001-of-00003.gguf", Header(0, 3)).value(), 3u);
  EXPECT_EQ(CountSplitFiles("m-00001-of-00004.gguf", Header(0, 3)).status().message(),
            "key 'split.count' is 3, expected 4");
  EXPECT_EQ(CountSplitFiles("m.gguf", Header(0, 3)).status().message(),
            "key 'split.count' is 3, but the name does not end in -NNNNN-of-00003.gguf");
}

TEST(SplitSet, NumberAndCountMustFitThePlace) {
  GgufHeader first = Header(0, 3);
  EXPECT_TRUE(CheckSplitFile(first, Header(1, 3), 1, 3).ok());
  EXPECT_EQ(CheckSplitFile(first, Header(2, 3), 1, 3).message(), "key 'split.no' is 2, expected 1");
  EXPECT_EQ(CheckSplitFile(first, Header(1, 2), 1, 3).message(),
            "key 'split.count' is 2, expected 3");
  EXPECT_EQ(CheckSplitFile(first, GgufHeader(), 1, 3).message(),
            "key 'split.no' is missing, expected 1");
}

TEST(SplitSet, WhatTellsTheModelMustNotChange) {
  for (const char* key : {"general.architecture", "tokenizer.ggml.model", "split.tensors.count"}) {
    GgufHeader first = Header(0, 2), second = Header(1, 2), other = Header(1, 2);
    ASSERT_TRUE(first.metadata.Add(key, std::string("one")).ok());
    ASSERT_TRUE(second.metadata.Add(key, std::string("one")).ok());
    ASSERT_TRUE(other.metadata.Add(key, std::string("two")).ok());
    EXPECT_TRUE(CheckSplitFile(first, second, 1, 2).ok());
    EXPECT_TRUE(CheckSplitFile(first, Header(1, 2), 1, 2).ok());
    std::string message = std::string("key '") + key + "' differs from the first file of the set";
    EXPECT_EQ(CheckSplitFile(first, other, 1, 2).message(), message);
    EXPECT_EQ(CheckSplitFile(Header(0, 2), other, 1, 2).message(), message);
  }
  GgufHeader with_name = Header(1, 2);
  ASSERT_TRUE(with_name.metadata.Add("general.name", std::string("part two")).ok());
  EXPECT_TRUE(CheckSplitFile(Header(0, 2), with_name, 1, 2).ok());
}

TEST(SplitSet, TheTensorCountIsCheckedWhereItIsStated) {
  GgufHeader first = Header(0, 2);
  EXPECT_TRUE(CheckSplitTensorCount(first, 7).ok());
  ASSERT_TRUE(first.metadata.Add("split.tensors.count", int64_t{7}).ok());
  EXPECT_TRUE(CheckSplitTensorCount(first, 7).ok());
  EXPECT_EQ(CheckSplitTensorCount(first, 8).message(),
            "key 'split.tensors.count' is 7, expected 8");
}

}  // namespace
}  // namespace moira::format
