#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/model_file.h"
#include "cache/format/tensor_type.h"

namespace moira::format {

// A metadata value. Integers of all widths are held as one of two 64-bit kinds, floats as double;
// arrays are flat (GGUF allows nesting, nobody writes it, limits.h refuses it).
using MetadataValue = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>,
                                   std::vector<int64_t>, std::vector<uint64_t>, std::vector<double>,
                                   std::vector<std::string>>;

// Key -> value with typed access. A getter gives nothing when the key is absent and kInvalidData,
// naming key, found and wanted type or bound, when the value is of another kind. Const and
// thread-safe once built.
class Metadata {
 public:
  Status Add(std::string key, MetadataValue value);  // kInvalidData if the key is there already
  bool Has(std::string_view key) const;
  const std::map<std::string, MetadataValue, std::less<>>& entries() const { return entries_; }

  // Integers may be stored signed or unsigned in any width; `minimum`..`maximum` is the bound.
  Result<std::optional<uint64_t>> Unsigned(std::string_view key, uint64_t minimum,
                                           uint64_t maximum) const;
  Result<std::optional<int64_t>> Signed(std::string_view key, int64_t minimum,
                                        int64_t maximum) const;
  // Finite and inside the bounds; integers are accepted as floats.
  Result<std::optional<double>> Float(std::string_view key, double minimum, double maximum) const;
  Result<std::optional<bool>> Bool(std::string_view key) const;
  Result<std::optional<std::string>> String(std::string_view key) const;
  // Arrays by reference; null when absent.
  Result<const std::vector<std::string>*> Strings(std::string_view key) const;
  // A scalar counts as an array of one: some keys are written either way.
  Result<std::optional<std::vector<int64_t>>> Integers(std::string_view key) const;
  Result<std::optional<std::vector<double>>> Floats(std::string_view key) const;

 private:
  const MetadataValue* Find(std::string_view key) const;

  std::map<std::string, MetadataValue, std::less<>> entries_;
};

// A tensor of the index. shape[0] is the fastest dimension (GGUF order); unused ones are 1.
struct TensorInfo {
  std::string name;
  TensorType type;
  uint32_t dimensions;
  std::array<uint64_t, 4> shape;
  uint32_t file;    // index into Gguf::files()
  uint64_t offset;  // absolute, in bytes
  uint64_t bytes;

  uint64_t row_elements() const { return shape[0]; }
  uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
};

// The index of a GGUF model: one file, or all files of a split set. Everything in it was checked
// against limits.h and the file sizes, so no size in it can lead out of a file. Const and
// thread-safe after Open.
class Gguf {
 public:
  // `path` is the file, or any file of a split set (`-00001-of-0000N.gguf`; the others are looked
  // for beside it). Errors name file, field, value and bound.
  static Result<Gguf> Open(const std::string& path);

  uint32_t version() const { return version_; }
  const Metadata& metadata() const { return metadata_; }
  std::span<const TensorInfo> tensors() const { return tensors_; }
  const TensorInfo* FindTensor(std::string_view name) const;  // null if absent
  std::span<const ModelFile> files() const { return files_; }
  uint64_t total_bytes() const;  // of all files

  // Fills `destination` with the tensor's bytes from `offset` on.
  Status ReadTensor(const TensorInfo& tensor, uint64_t offset,
                    std::span<std::byte> destination) const;

 private:
  Gguf() = default;

  uint32_t version_ = 0;
  Metadata metadata_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, size_t> by_name_;
  std::vector<ModelFile> files_;
};

}  // namespace moira::format
