#include "cache/format/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace moira::format {
namespace {

using testing::GgufWriter;
using testing::SplitFileName;
using testing::TempFolder;
using testing::WriteSplitSet;

const std::string kModels = std::string(MOIRA_SOURCE_DIR) + "/../shared/models/";
const std::string kVocabularies = std::string(MOIRA_SOURCE_DIR) + "/../shared/data/vocab/";

std::vector<std::byte> ReadAll(const Gguf& gguf, const TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  Status status = gguf.ReadTensor(tensor, 0, bytes);
  EXPECT_TRUE(status.ok()) << status.message();
  return bytes;
}

std::vector<float> ReadFloats(const Gguf& gguf, const std::string& name) {
  const TensorInfo* tensor = gguf.FindTensor(name);
  if (tensor == nullptr) return {};
  std::vector<float> values(tensor->bytes / sizeof(float));
  Status status = gguf.ReadTensor(*tensor, 0, std::as_writable_bytes(std::span(values)));
  EXPECT_TRUE(status.ok()) << status.message();
  return values;
}

TEST(Gguf, HoldsWhatTheFileSays) {
  for (uint32_t version : {2u, 3u}) {
    TempFolder folder;
    GgufWriter writer(version);
    writer.SetAlignment(128)
        .Set("general.architecture", "llama")
        .AddTensor("a", {3}, {1, 2, 3})
        .AddZeroTensor("b", TensorType::kQ4_K, {512, 4, 2})
        .AddTensor("c", {2, 2}, {4, 5, 6, 7});
    std::string path = folder.Write("model.gguf", writer.Bytes());
    Result<Gguf> gguf = Gguf::Open(path);
    ASSERT_TRUE(gguf.ok()) << gguf.status().message();
    EXPECT_EQ(gguf->version(), version);
    EXPECT_EQ(gguf->metadata().String("general.architecture").value(), "llama");
    ASSERT_EQ(gguf->tensors().size(), 3u);
    const TensorInfo* b = gguf->FindTensor("b");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(b->type, TensorType::kQ4_K);
    EXPECT_EQ(b->dimensions, 3u);
    EXPECT_EQ(b->shape, (std::array<uint64_t, 4>{512, 4, 2, 1}));
    EXPECT_EQ(b->row_elements(), 512u);
    EXPECT_EQ(b->rows(), 8u);
    EXPECT_EQ(b->bytes, 8u * 2 * 144);
    EXPECT_EQ(b->offset % 128, 0u);
    EXPECT_EQ(gguf->FindTensor("d"), nullptr);
    EXPECT_EQ(ReadFloats(*gguf, "a"), (std::vector<float>{1, 2, 3}));
    EXPECT_EQ(ReadFloats(*gguf, "c"), (std::vector<float>{4, 5, 6, 7}));
    EXPECT_EQ(gguf->total_bytes(), std::filesystem::file_size(path));
  }
}

// The tensor list need not be in the order of the data.
TEST(Gguf, TensorsMayBeListedInAnyOrder) {
  TempFolder folder;
  testing::ByteWriter bytes;
  bytes
      .PutBytes(
          GgufWriter().AddRawTensor("b", 0, {1}, 32).AddRawTensor("a", 0, {1}, 0).HeaderBytes())
      .PadTo(32)
      .Put(1.0f)
      .PadTo(32)
      .Put(2.0f);
  Result<Gguf> gguf = Gguf::Open(folder.Write("model.gguf", bytes.bytes()));
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  EXPECT_EQ(ReadFloats(*gguf, "a"), std::vector<float>{1});
  EXPECT_EQ(ReadFloats(*gguf, "b"), std::vector<float>{2});
}

TEST(Gguf, AFileWithNothingInItIsValid) {
  TempFolder folder;
  Result<Gguf> gguf = Gguf::Open(folder.Write("empty.gguf", GgufWriter().Bytes()));
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  EXPECT_TRUE(gguf->tensors().empty());
  EXPECT_TRUE(gguf->metadata().entries().empty());
}

TEST(Gguf, ReadsPartsOfATensorAndNothingBeside) {
  TempFolder folder;
  std::string path =
      folder.Write("model.gguf", GgufWriter().AddTensor("a", {4}, {1, 2, 3, 4}).Bytes());
  Result<Gguf> gguf = Gguf::Open(path);
  ASSERT_TRUE(gguf.ok());
  const TensorInfo& tensor = gguf->tensors()[0];
  float value = 0;
  std::span<std::byte> destination = std::as_writable_bytes(std::span(&value, 1));
  ASSERT_TRUE(gguf->ReadTensor(tensor, 12, destination).ok());
  EXPECT_EQ(value, 4);
  EXPECT_EQ(gguf->ReadTensor(tensor, 13, destination).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(gguf->ReadTensor(tensor, ~uint64_t{0}, destination).code(),
            StatusCode::kInvalidArgument);
  TensorInfo of_no_file = tensor;
  of_no_file.file = 1;
  EXPECT_EQ(gguf->ReadTensor(of_no_file, 0, destination).code(), StatusCode::kInvalidArgument);
}

TEST(Gguf, AMissingFileIsNotFound) {
  Result<Gguf> gguf = Gguf::Open("/no/such/model.gguf");
  EXPECT_EQ(gguf.status().code(), StatusCode::kNotFound);
  EXPECT_NE(gguf.status().message().find("/no/such/model.gguf"), std::string::npos);
}

std::vector<GgufWriter> ThreeFiles() {
  std::vector<GgufWriter> files(3);
  files[0].Set("general.architecture", "llama").AddTensor("a", {1}, {1});
  files[1].AddTensor("b", {1}, {2}).AddTensor("c", {1}, {3});
  files[2].AddTensor("d", {1}, {4});
  return files;
}

TEST(GgufSplit, AnyFileOpensTheSet) {
  TempFolder folder;
  std::vector<std::string> paths = WriteSplitSet(folder, "model", ThreeFiles());
  for (const std::string& path : paths) {
    Result<Gguf> gguf = Gguf::Open(path);
    ASSERT_TRUE(gguf.ok()) << gguf.status().message();
    ASSERT_EQ(gguf->files().size(), 3u);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(gguf->files()[i].path(), paths[i]);
    EXPECT_EQ(gguf->metadata().String("general.architecture").value(), "llama");
    EXPECT_EQ(ReadFloats(*gguf, "a"), std::vector<float>{1});
    EXPECT_EQ(ReadFloats(*gguf, "c"), std::vector<float>{3});
    EXPECT_EQ(ReadFloats(*gguf, "d"), std::vector<float>{4});
    EXPECT_EQ(gguf->FindTensor("c")->file, 1u);
  }
}

TEST(GgufSplit, AMissingFileIsNamed) {
  TempFolder folder;
  std::vector<std::string> paths = WriteSplitSet(folder, "model", ThreeFiles());
  std::filesystem::remove(paths[1]);
  Result<Gguf> gguf = Gguf::Open(paths[0]);
  EXPECT_EQ(gguf.status().code(), StatusCode::kNotFound);
  EXPECT_NE(gguf.status().message().find(paths[1]), std::string::npos) << gguf.status().message();
}

TEST(GgufSplit, ATensorInTwoFilesIsRefused) {
  TempFolder folder;
  std::vector<GgufWriter> files = ThreeFiles();
  files[2].AddTensor("b", {1}, {5});
  std::vector<std::string> paths = WriteSplitSet(folder, "model", files);
  EXPECT_EQ(Gguf::Open(paths[0]).status().message(), paths[2] + ": tensor 'b' is there twice");
}

TEST(GgufSplit, AFileOfAnotherSetIsRefused) {
  TempFolder folder;
  std::vector<std::string> paths = WriteSplitSet(folder, "model", ThreeFiles());
  std::filesystem::copy_file(paths[2], paths[1], std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(Gguf::Open(paths[0]).status().message(),
            paths[1] + ": key 'split.no' is 2, expected 1");
}

TEST(GgufSplit, TensorsMustAddUp) {
  TempFolder folder;
  GgufWriter first, second;
  first.Set("split.no", uint16_t{0}).Set("split.count", uint16_t{2});
  first.Set("split.tensors.count", int32_t{3}).AddTensor("a", {1}, {1});
  second.Set("split.no", uint16_t{1}).Set("split.count", uint16_t{2}).AddTensor("b", {1}, {1});
  std::string path = folder.Write(SplitFileName("m", 1, 2), first.Bytes());
  folder.Write(SplitFileName("m", 2, 2), second.Bytes());
  EXPECT_EQ(Gguf::Open(path).status().message(),
            path + ": key 'split.tensors.count' is 3, expected 2");
}

TEST(GgufModels, EveryModelOpensAndEveryTensorCanBeRead) {
  if (!std::filesystem::exists(kModels)) GTEST_SKIP() << "no " << kModels;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (entry.path().extension() != ".gguf") continue;
    Result<Gguf> gguf = Gguf::Open(entry.path().string());
    ASSERT_TRUE(gguf.ok()) << gguf.status().message();
    EXPECT_TRUE(gguf->metadata().Has("general.architecture")) << entry.path();
    EXPECT_NE(gguf->FindTensor("token_embd.weight"), nullptr) << entry.path();
    for (const TensorInfo& tensor : gguf->tensors()) {
      EXPECT_EQ(ReadAll(*gguf, tensor).size(), tensor.bytes);
      EXPECT_TRUE(GetTensorType(tensor.type).computable) << tensor.name;
    }
  }
}

TEST(GgufModels, ASplitSetHoldsTheSameAsTheSingleFile) {
  if (!std::filesystem::exists(kModels)) GTEST_SKIP() << "no " << kModels;
  Result<Gguf> single = Gguf::Open(kModels + "qwen3moe-q8_0.gguf");
  ASSERT_TRUE(single.ok()) << single.status().message();
  for (int number : {1, 2, 3}) {
    Result<Gguf> set = Gguf::Open(kModels + "qwen3moe-q8_0-split-0000" + std::to_string(number) +
                                  "-of-00003.gguf");
    ASSERT_TRUE(set.ok()) << set.status().message();
    EXPECT_EQ(set->files().size(), 3u);
    ASSERT_EQ(set->tensors().size(), single->tensors().size());
    for (const TensorInfo& tensor : single->tensors()) {
      const TensorInfo* same = set->FindTensor(tensor.name);
      ASSERT_NE(same, nullptr) << tensor.name;
      EXPECT_EQ(same->type, tensor.type);
      EXPECT_EQ(same->shape, tensor.shape);
      EXPECT_EQ(ReadAll(*set, *same), ReadAll(*single, tensor)) << tensor.name;
    }
    for (const auto& [key, value] : single->metadata().entries()) {
      if (key == "general.name") continue;  // says which of the two it is
      ASSERT_TRUE(set->metadata().Has(key)) << key;
      EXPECT_EQ(set->metadata().entries().find(key)->second, value) << key;
    }
  }
}

// Values that the README of the folder states.
TEST(GgufModels, AModelHasTheShapesThatItsReadmeStates) {
  if (!std::filesystem::exists(kModels)) GTEST_SKIP() << "no " << kModels;
  Result<Gguf> gguf = Gguf::Open(kModels + "qwen3moe-q8_0.gguf");
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  const Metadata& metadata = gguf->metadata();
  EXPECT_EQ(metadata.String("general.architecture").value(), "qwen3moe");
  EXPECT_EQ(metadata.Unsigned("qwen3moe.embedding_length", 1, 1 << 20).value(), 64u);
  EXPECT_EQ(metadata.Unsigned("qwen3moe.expert_count", 1, 1024).value(), 8u);
  EXPECT_EQ(metadata.Unsigned("qwen3moe.expert_used_count", 1, 8).value(), 2u);
  EXPECT_EQ(metadata.Strings("tokenizer.ggml.tokens").value()->size(), 300u);
  const TensorInfo* experts = gguf->FindTensor("blk.0.ffn_gate_exps.weight");
  ASSERT_NE(experts, nullptr);
  EXPECT_EQ(experts->shape[0], 64u);
  EXPECT_EQ(experts->shape[2], 8u);
  EXPECT_EQ(experts->type, TensorType::kQ8_0);
}

// Vocabulary-only files end with the last key, without padding.
TEST(GgufModels, VocabulariesOpen) {
  if (!std::filesystem::exists(kVocabularies)) GTEST_SKIP() << "no " << kVocabularies;
  const std::map<std::string, size_t> tokens = {
      {"llama-spm", 32000}, {"phi-3", 32064}, {"gpt-2", 50257}, {"deepseek-llm", 102400}};
  for (const auto& [name, count] : tokens) {
    Result<Gguf> gguf = Gguf::Open(kVocabularies + "ggml-vocab-" + name + ".gguf");
    ASSERT_TRUE(gguf.ok()) << gguf.status().message();
    EXPECT_TRUE(gguf->tensors().empty());
    EXPECT_EQ(gguf->metadata().Strings("tokenizer.ggml.tokens").value()->size(), count) << name;
  }
}

}  // namespace
}  // namespace moira::format
