#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cache/device/fault_plan.h"
#include "cache/device/status.h"

namespace moira::format {

// A regular file that is read at positions. Move-only. All methods are thread-safe.
class ModelFile {
 public:
  // kNotFound or kIoError with the path and the system's reason; directories and devices refused.
  static Result<ModelFile> Open(const std::string& path);
  ModelFile(ModelFile&& other) noexcept;
  ModelFile& operator=(ModelFile&& other) noexcept;
  ~ModelFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }  // bytes, when it was opened

  // Fills `destination` from `offset`. kIoError on a read error, and on an end of file before the
  // destination is full (a file that was truncated while open). Retries interrupted reads.
  // `faults` may be null.
  Status ReadAt(uint64_t offset, std::span<std::byte> destination,
                FaultPlan* faults = nullptr) const;

 private:
  ModelFile(std::string path, int descriptor, uint64_t size);

  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace moira::format
