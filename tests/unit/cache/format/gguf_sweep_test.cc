// Every truncation and every bit flip of a small file that has all kinds of values: an error or a
// valid index, and never an allocation from a claim of the file.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "cache/format/gguf.h"
#include "tests/support/gguf_writer.h"

namespace {

// Largest allocation since it was set to 0, of the whole test program: the operators below replace
// the standard ones.
std::atomic<size_t> largest_allocation = 0;

void* CountedAllocate(size_t bytes) {
  size_t seen = largest_allocation.load(std::memory_order_relaxed);
  while (bytes > seen && !largest_allocation.compare_exchange_weak(seen, bytes)) {
  }
  void* data = std::malloc(bytes);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

}  // namespace

// Not inlined: a compiler that sees malloc beside delete takes them for a mismatch.
[[gnu::noinline]] void* operator new(size_t bytes) { return CountedAllocate(bytes); }
[[gnu::noinline]] void* operator new[](size_t bytes) { return CountedAllocate(bytes); }
[[gnu::noinline]] void operator delete(void* data) noexcept { std::free(data); }
[[gnu::noinline]] void operator delete[](void* data) noexcept { std::free(data); }
[[gnu::noinline]] void operator delete(void* data, size_t) noexcept { std::free(data); }
[[gnu::noinline]] void operator delete[](void* data, size_t) noexcept { std::free(data); }

namespace moira::format {
namespace {

using testing::GgufWriter;
using testing::TempFolder;

constexpr size_t kAllowance = size_t{1} << 20;

GgufWriter SmallFile() {
  GgufWriter writer;
  writer.SetAlignment(64)
      .Set("general.architecture", "llama")
      .Set("k.u8", uint8_t{200})
      .Set("k.i8", int8_t{-3})
      .Set("k.u16", uint16_t{60000})
      .Set("k.i16", int16_t{-300})
      .Set("k.u32", uint32_t{7})
      .Set("k.i32", int32_t{-7})
      .Set("k.u64", uint64_t{1} << 40)
      .Set("k.i64", -(int64_t{1} << 40))
      .Set("k.f32", 1.5f)
      .Set("k.f64", -2.25)
      .Set("k.bool", true)
      .Set("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "\xE2\x96\x81", ""})
      .Set("tokenizer.ggml.scores", std::vector<float>{0, -1, -2, -3})
      .Set("tokenizer.ggml.token_type", std::vector<int32_t>{3, 1, 1, 1})
      .Set("k.flags", std::vector<bool>{true, false, true})
      .Set("k.none", std::vector<uint16_t>{})
      .AddZeroTensor("token_embd.weight", TensorType::kQ8_0, {32, 4})
      .AddZeroTensor("blk.0.ffn_gate_exps.weight", TensorType::kQ4_K, {256, 2, 3})
      .AddTensor("output_norm.weight", {3}, std::vector<float>{1, 2, 3});
  return writer;
}

TEST(GgufSweep, TheSmallFileIsValid) {
  TempFolder folder;
  Result<Gguf> gguf = Gguf::Open(folder.Write("small.gguf", SmallFile().Bytes()));
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  EXPECT_EQ(gguf->tensors().size(), 3u);
  EXPECT_EQ(gguf->metadata().entries().size(), 18u);
}

TEST(GgufSweep, EveryTruncationIsAnError) {
  TempFolder folder;
  std::string bytes = SmallFile().Bytes();
  std::string path = folder.Write("small.gguf", bytes);
  // Shorter and shorter, so that each cut is one system call.
  for (size_t size = bytes.size(); size-- > 0;) {
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(size)), 0);
    largest_allocation = 0;
    Result<Gguf> gguf = Gguf::Open(path);
    ASSERT_FALSE(gguf.ok()) << "cut at " << size;
    ASSERT_EQ(gguf.status().code(), StatusCode::kInvalidData) << "cut at " << size;
    ASSERT_LE(largest_allocation.load(), size + kAllowance) << "cut at " << size;
  }
}

TEST(GgufSweep, EveryBitFlipOfTheHeaderIsAnErrorOrAValidIndex) {
  TempFolder folder;
  std::string bytes = SmallFile().Bytes();
  size_t header_bytes = SmallFile().HeaderBytes().size();
  std::string path = folder.Write("small.gguf", bytes);
  int descriptor = open(path.c_str(), O_WRONLY);
  ASSERT_GE(descriptor, 0);
  size_t refused = 0;
  for (size_t position = 0; position < header_bytes; ++position) {
    for (int bit = 0; bit < 8; ++bit) {
      char flipped = static_cast<char>(bytes[position] ^ (1 << bit));
      ASSERT_EQ(pwrite(descriptor, &flipped, 1, static_cast<off_t>(position)), 1);
      largest_allocation = 0;
      Result<Gguf> gguf = Gguf::Open(path);
      ASSERT_LE(largest_allocation.load(), bytes.size() + kAllowance) << position << "." << bit;
      if (!gguf.ok()) {
        ++refused;
        continue;
      }
      for (const TensorInfo& tensor : gguf->tensors()) {
        ASSERT_LE(tensor.bytes, bytes.size());
        ASSERT_LE(tensor.offset, bytes.size() - tensor.bytes) << position << "." << bit;
      }
    }
    ASSERT_EQ(pwrite(descriptor, &bytes[position], 1, static_cast<off_t>(position)), 1);
  }
  close(descriptor);
  // Counts, lengths, types, offsets and dimensions are a good part of the header.
  EXPECT_GT(refused, header_bytes * 8 / 3);
}

// What is reserved for an array grows with the bytes that are there: 32 bytes for each string, of
// which the file spends 8 on the length alone.
TEST(GgufSweep, AnArrayCutShortCostsNoMoreThanWhatIsThere) {
  TempFolder folder;
  std::vector<std::string> tokens(200'000, "token");
  std::string bytes = GgufWriter().Set("tokenizer.ggml.tokens", tokens).Bytes();
  for (size_t keep : {bytes.size() - 1, bytes.size() / 2, bytes.size() / 100, size_t{100}}) {
    std::string path = folder.Write("cut.gguf", bytes.substr(0, keep));
    largest_allocation = 0;
    EXPECT_FALSE(Gguf::Open(path).ok());
    EXPECT_LE(largest_allocation.load(), 4 * keep + kAllowance) << keep;
  }
}

}  // namespace
}  // namespace moira::format
