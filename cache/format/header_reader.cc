#include "cache/format/header_reader.h"

#include <algorithm>
#include <optional>

#include "cache/device/checked.h"

namespace moira::format {

Status HeaderReader::ExpectAtLeast(uint64_t count, uint64_t bytes_each) const {
  std::optional<uint64_t> bytes = CheckedMul(count, bytes_each);
  if (bytes && *bytes <= remaining()) return Status();
  return InvalidData((bytes ? std::to_string(*bytes) : "more than 2^64") +
                     " bytes needed at offset " + std::to_string(position_) + ", the file has " +
                     std::to_string(remaining()) + " left");
}

Status HeaderReader::ReadString(uint64_t maximum, std::string& value) {
  uint64_t length = 0;
  MOIRA_RETURN_IF_ERROR(Read(length));
  if (length > maximum) {
    return InvalidData("length " + std::to_string(length) + " exceeds " + std::to_string(maximum));
  }
  MOIRA_RETURN_IF_ERROR(ExpectAtLeast(length, 1));
  value.resize(length);
  return ReadBytes(std::as_writable_bytes(std::span(value)));
}

Status HeaderReader::ReadBytes(std::span<std::byte> destination) {
  MOIRA_RETURN_IF_ERROR(ExpectAtLeast(destination.size(), 1));
  while (!destination.empty()) {
    if (buffer_next_ == buffer_end_) MOIRA_RETURN_IF_ERROR(Refill());
    size_t bytes = std::min(destination.size(), buffer_end_ - buffer_next_);
    std::memcpy(destination.data(), buffer_.data() + buffer_next_, bytes);
    destination = destination.subspan(bytes);
    buffer_next_ += bytes;
    position_ += bytes;
  }
  return Status();
}

Status HeaderReader::Refill() {
  size_t bytes = static_cast<size_t>(std::min<uint64_t>(kBufferBytes, remaining()));
  MOIRA_RETURN_IF_ERROR(file_.ReadAt(position_, std::span(buffer_).first(bytes)));
  buffer_next_ = 0;
  buffer_end_ = bytes;
  return Status();
}

Status InContext(const std::string& context, const Status& status) {
  if (status.ok()) return status;
  return Status(status.code(), context + ": " + status.message());
}

}  // namespace moira::format
