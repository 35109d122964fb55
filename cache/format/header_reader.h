#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "cache/device/status.h"
#include "cache/format/model_file.h"

namespace moira::format {

static_assert(std::endian::native == std::endian::little, "files are read as little-endian");

// Reads a file's header from front to back through a small buffer, never past the file's end. Its
// errors say what was needed and what is left; the caller adds which field it was. Single-threaded.
class HeaderReader {
 public:
  // `file` must outlive the reader.
  explicit HeaderReader(const ModelFile& file) : file_(file) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return file_.size() - position_; }

  // kInvalidData unless `count` things of at least `bytes_each` bytes can still follow: to be asked
  // before memory is taken for them.
  Status ExpectAtLeast(uint64_t count, uint64_t bytes_each) const;

  template <typename T>
  Status Read(T& value) {
    std::array<std::byte, sizeof(T)> bytes;
    MOIRA_RETURN_IF_ERROR(ReadBytes(bytes));
    std::memcpy(&value, bytes.data(), sizeof(T));
    return Status();
  }
  // A length in 64 bits, at most `maximum`, and that many bytes of any content.
  Status ReadString(uint64_t maximum, std::string& value);

 private:
  static constexpr size_t kBufferBytes = 64 << 10;

  Status ReadBytes(std::span<std::byte> destination);
  Status Refill();

  const ModelFile& file_;
  uint64_t position_ = 0;
  std::array<std::byte, kBufferBytes> buffer_;
  size_t buffer_next_ = 0;
  size_t buffer_end_ = 0;
};

// `status` with "`context`: " before its message.
Status InContext(const std::string& context, const Status& status);

}  // namespace moira::format
