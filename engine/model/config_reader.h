#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"
#include "cache/format/gguf.h"

namespace moira::engine {

// An inclusive bound for a number that a file states.
template <typename T>
struct Bound {
  T minimum;
  T maximum;
};

// Reads the keys of one architecture ("qwen3moe.block_count") with their bounds. Refers to the
// metadata; const and thread-safe.
class ConfigReader {
 public:
  ConfigReader(const format::Metadata& metadata, std::string architecture)
      : metadata_(metadata), prefix_(std::move(architecture) + ".") {}

  const format::Metadata& metadata() const { return metadata_; }
  // The full name of a key.
  std::string Key(std::string_view name) const { return prefix_ + std::string(name); }

  // kInvalidData if the key is absent.
  Result<uint32_t> Required(std::string_view name, Bound<uint32_t> bound) const;
  Result<std::optional<uint32_t>> Optional(std::string_view name, Bound<uint32_t> bound) const;
  Result<uint32_t> OptionalOr(std::string_view name, Bound<uint32_t> bound,
                              uint32_t fallback) const;
  Result<float> FloatOr(std::string_view name, Bound<double> bound, float fallback) const;
  Result<bool> BoolOr(std::string_view name, bool fallback) const;
  Result<std::string> StringOr(std::string_view name, std::string fallback) const;
  // A number for each layer; a scalar stands for all of them. Empty if the key is absent.
  Result<std::vector<uint32_t>> PerLayer(std::string_view name, uint32_t layers,
                                         Bound<uint32_t> bound) const;
  // A number that may be written for each layer but must be the same in all.
  Result<std::optional<uint32_t>> Uniform(std::string_view name, uint32_t layers,
                                          Bound<uint32_t> bound) const;

 private:
  const format::Metadata& metadata_;
  std::string prefix_;
};

}  // namespace moira::engine
