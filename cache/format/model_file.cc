#include "cache/format/model_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

namespace moira::format {
namespace {

std::string SystemReason(int error) { return std::generic_category().message(error); }

}  // namespace

ModelFile::ModelFile(std::string path, int descriptor, uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

ModelFile::ModelFile(ModelFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)) {}

ModelFile& ModelFile::operator=(ModelFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

ModelFile::~ModelFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<ModelFile> ModelFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a pipe without a writer would otherwise wait for one.
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    int error = errno;
    std::string message = "cannot open " + path + ": " + SystemReason(error);
    return error == ENOENT || error == ENOTDIR ? NotFound(message) : IoError(message);
  }
  ModelFile file(path, descriptor, 0);
  struct stat info;
  if (fstat(descriptor, &info) != 0) {
    return IoError("cannot read the size of " + path + ": " + SystemReason(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument("cannot open " + path + ": " +
                           (S_ISDIR(info.st_mode) ? "a directory" : "not a regular file"));
  }
  file.size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

Status ModelFile::ReadAt(uint64_t offset, std::span<std::byte> destination,
                         FaultPlan* faults) const {
  auto what = [&] {
    return "read of " + std::to_string(destination.size()) + " bytes at offset " +
           std::to_string(offset) + " of " + path_;
  };
  FaultPlan::Fault fault = faults != nullptr ? faults->Next(FaultPoint::kRead) : FaultPlan::Fault();
  if (fault.kind == FaultKind::kDelay) {
    std::this_thread::sleep_for(std::chrono::duration<double>(fault.delay_seconds));
  }
  if (fault.kind == FaultKind::kError) return IoError(what() + " failed (fault plan)");
  if (offset > static_cast<uint64_t>(std::numeric_limits<off_t>::max()) - destination.size()) {
    return IoError(what() + " is beyond what a file can hold");
  }
  size_t done = 0;
  size_t wanted = fault.kind == FaultKind::kShortRead ? destination.size() / 2 : destination.size();
  while (done < wanted) {
    ssize_t got = pread(descriptor_, destination.data() + done, wanted - done,
                        static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return IoError(what() + " failed: " + SystemReason(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  if (done < destination.size() || fault.kind == FaultKind::kShortRead) {
    return IoError("short " + what() + ": got " + std::to_string(done) +
                   (fault.kind == FaultKind::kShortRead ? " (fault plan)" : ""));
  }
  return Status();
}

}  // namespace moira::format
