#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/format/tensor_type.h"
#include "tests/support/temp_folder.h"

namespace moira::testing {

// Bytes put one behind the other, little-endian: for files that break the format on purpose.
class ByteWriter {
 public:
  template <typename T>
  requires std::integral<T> || std::floating_point<T> ByteWriter& Put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
    return *this;
  }
  // As it is, without a length.
  ByteWriter& PutBytes(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  // With its length in 64 bits, as GGUF writes strings.
  ByteWriter& PutString(std::string_view text) { return Put<uint64_t>(text.size()).PutBytes(text); }
  ByteWriter& PadTo(size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// The ids that GGUF gives the types of metadata values.
template <typename T>
constexpr uint32_t GgufTypeId() {
  if constexpr (std::same_as<T, uint8_t>) return 0;
  if constexpr (std::same_as<T, int8_t>) return 1;
  if constexpr (std::same_as<T, uint16_t>) return 2;
  if constexpr (std::same_as<T, int16_t>) return 3;
  if constexpr (std::same_as<T, uint32_t>) return 4;
  if constexpr (std::same_as<T, int32_t>) return 5;
  if constexpr (std::same_as<T, float>) return 6;
  if constexpr (std::same_as<T, bool>) return 7;
  if constexpr (std::same_as<T, std::string>) return 8;
  if constexpr (std::same_as<T, uint64_t>) return 10;
  if constexpr (std::same_as<T, int64_t>) return 11;
  if constexpr (std::same_as<T, double>) return 12;
}
inline constexpr uint32_t kGgufArrayId = 9;

// Builds a GGUF file. What it writes is valid unless one of the Raw functions, a version or an
// alignment says otherwise.
//
//   std::string bytes = GgufWriter().Set("general.architecture", "llama")
//                           .AddTensor("output_norm.weight", {4}, std::vector<float>{1, 1, 1, 1})
//                           .Bytes();
class GgufWriter {
 public:
  explicit GgufWriter(uint32_t version = 3) : version_(version) {}

  // The C++ type decides the GGUF type: Set("k", uint32_t{1}), Set("k", 1.0f), Set("k", true).
  template <typename T>
  requires std::integral<T> || std::floating_point<T> GgufWriter& Set(std::string_view key,
                                                                      T value) {
    return SetRaw(key, GgufTypeId<T>(), ByteWriter().Put(value).bytes());
  }
  GgufWriter& Set(std::string_view key, std::string_view value) {
    return SetRaw(key, GgufTypeId<std::string>(), ByteWriter().PutString(value).bytes());
  }
  GgufWriter& Set(std::string_view key, const char* value) {
    return Set(key, std::string_view(value));
  }
  template <typename T>
  GgufWriter& Set(std::string_view key, const std::vector<T>& values) {
    ByteWriter bytes;
    bytes.Put<uint32_t>(GgufTypeId<T>()).template Put<uint64_t>(values.size());
    for (const T& value : values) {
      if constexpr (std::same_as<T, std::string>) {
        bytes.PutString(value);
      } else {
        bytes.Put<T>(value);
      }
    }
    return SetRaw(key, kGgufArrayId, bytes.bytes());
  }
  // A value of a type id with these bytes, whatever they are.
  GgufWriter& SetRaw(std::string_view key, uint32_t type, std::string_view value) {
    metadata_.PutString(key).Put<uint32_t>(type).PutBytes(value);
    ++metadata_count_;
    return *this;
  }
  // Writes the key and lays the tensors out accordingly. Before the first tensor.
  GgufWriter& SetAlignment(uint32_t alignment) {
    alignment_ = alignment;
    return Set("general.alignment", alignment);
  }

  // shape[0] is the fastest dimension. `data` is the whole tensor.
  GgufWriter& AddTensor(std::string_view name, format::TensorType type,
                        const std::vector<uint64_t>& shape, std::string_view data) {
    AddRawTensor(name, static_cast<uint32_t>(type), shape, data_.bytes().size());
    data_.PutBytes(data);
    data_end_ = data_.bytes().size();
    data_.PadTo(alignment_);
    return *this;
  }
  GgufWriter& AddTensor(std::string_view name, const std::vector<uint64_t>& shape,
                        const std::vector<float>& values) {
    return AddTensor(name, format::TensorType::kF32, shape,
                     {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }
  // All bytes zero, in the size that type and shape ask for.
  GgufWriter& AddZeroTensor(std::string_view name, format::TensorType type,
                            const std::vector<uint64_t>& shape) {
    uint64_t rows = std::accumulate(shape.begin() + 1, shape.end(), uint64_t{1}, std::multiplies());
    return AddTensor(name, type, shape,
                     std::string(rows * format::RowBytes(type, shape[0]).value(), '\0'));
  }
  // An entry of the tensor list without data of its own.
  GgufWriter& AddRawTensor(std::string_view name, uint32_t type, const std::vector<uint64_t>& shape,
                           uint64_t offset) {
    tensors_.PutString(name).Put<uint32_t>(static_cast<uint32_t>(shape.size()));
    for (uint64_t dimension : shape) tensors_.Put(dimension);
    tensors_.Put<uint32_t>(type).Put<uint64_t>(offset);
    ++tensor_count_;
    return *this;
  }

  // The header up to the last byte of the tensor list, without padding.
  std::string HeaderBytes() const {
    ByteWriter header;
    header.PutBytes("GGUF").Put<uint32_t>(version_);
    header.Put<uint64_t>(tensor_count_).Put<uint64_t>(metadata_count_);
    return header.PutBytes(metadata_.bytes()).PutBytes(tensors_.bytes()).bytes();
  }
  // The file. It ends with the last tensor's last byte; a file without tensors has no padding.
  std::string Bytes() const {
    ByteWriter file;
    file.PutBytes(HeaderBytes());
    if (data_end_ > 0) file.PadTo(alignment_);
    return file.PutBytes(std::string_view(data_.bytes()).substr(0, data_end_)).bytes();
  }

  uint64_t tensor_count() const { return tensor_count_; }

 private:
  uint32_t version_;
  uint32_t alignment_ = 32;
  uint64_t metadata_count_ = 0;
  uint64_t tensor_count_ = 0;
  size_t data_end_ = 0;  // behind the last tensor, before its padding
  ByteWriter metadata_;
  ByteWriter tensors_;
  ByteWriter data_;
};

// "PREFIX-00001-of-00003.gguf"; `number` counts from 1.
inline std::string SplitFileName(const std::string& prefix, size_t number, size_t count) {
  char suffix[40];
  std::snprintf(suffix, sizeof(suffix), "-%05zu-of-%05zu.gguf", number, count);
  return prefix + suffix;
}

// Adds the `split.*` keys to `files` and writes them as one set; the paths in order.
inline std::vector<std::string> WriteSplitSet(const TempFolder& folder, const std::string& prefix,
                                              std::vector<GgufWriter> files) {
  uint64_t tensors = 0;
  for (const GgufWriter& file : files) tensors += file.tensor_count();
  std::vector<std::string> paths;
  for (size_t i = 0; i < files.size(); ++i) {
    files[i].Set("split.no", static_cast<uint16_t>(i));
    files[i].Set("split.count", static_cast<uint16_t>(files.size()));
    files[i].Set("split.tensors.count", static_cast<int32_t>(tensors));
    paths.push_back(folder.Write(SplitFileName(prefix, i + 1, files.size()), files[i].Bytes()));
  }
  return paths;
}

}  // namespace moira::testing
