#include "cache/format/gguf.h"

#include <optional>
#include <utility>

#include "cache/format/gguf_header.h"
#include "cache/format/header_reader.h"
#include "cache/format/limits.h"
#include "cache/format/split_set.h"

namespace moira::format {
namespace {

struct OpenedFile {
  ModelFile file;
  GgufHeader header;
};

Result<OpenedFile> OpenFile(const std::string& path) {
  MOIRA_ASSIGN_OR_RETURN(ModelFile file, ModelFile::Open(path));
  MOIRA_ASSIGN_OR_RETURN(GgufHeader header, ReadGgufHeader(file));
  return OpenedFile{std::move(file), std::move(header)};
}

// All files of the set that `path` belongs to, the first one first.
Result<std::vector<OpenedFile>> OpenSet(const std::string& path) {
  std::vector<OpenedFile> set;
  MOIRA_ASSIGN_OR_RETURN(OpenedFile given, OpenFile(path));
  Result<uint64_t> count = CountSplitFiles(path, given.header);
  if (!count.ok()) return InContext(path, count.status());
  if (*count == 1) {
    set.push_back(std::move(given));
    return set;
  }
  SplitName name = *ParseSplitName(path);
  for (uint64_t number = 1; number <= *count; ++number) {
    bool is_given = number == name.number;
    Result<OpenedFile> opened =
        is_given ? Result<OpenedFile>(std::move(given)) : OpenFile(name.PathOf(number));
    if (!opened.ok()) return opened.status();
    set.push_back(std::move(opened).value());
    const OpenedFile& last = set.back();
    MOIRA_RETURN_IF_ERROR(InContext(
        last.file.path(), CheckSplitFile(set.front().header, last.header, number - 1, *count)));
  }
  return set;
}

}  // namespace

Result<Gguf> Gguf::Open(const std::string& path) {
  MOIRA_ASSIGN_OR_RETURN(std::vector<OpenedFile> set, OpenSet(path));
  Gguf gguf;
  for (OpenedFile& opened : set) {
    for (TensorInfo& tensor : opened.header.tensors) {
      tensor.file = static_cast<uint32_t>(gguf.files_.size());
      auto [place, added] = gguf.by_name_.try_emplace(tensor.name, gguf.tensors_.size());
      if (!added) {
        return InvalidData(opened.file.path() + ": tensor '" + tensor.name + "' is there twice");
      }
      gguf.tensors_.push_back(std::move(tensor));
    }
    gguf.files_.push_back(std::move(opened.file));
    if (gguf.tensors_.size() > kMaxTensors) {
      return InvalidData(path + ": the set's tensors exceed " + std::to_string(kMaxTensors));
    }
  }
  GgufHeader& first = set.front().header;
  MOIRA_RETURN_IF_ERROR(
      InContext(gguf.files_.front().path(), CheckSplitTensorCount(first, gguf.tensors_.size())));
  gguf.version_ = first.version;
  gguf.metadata_ = std::move(first.metadata);
  return gguf;
}

const TensorInfo* Gguf::FindTensor(std::string_view name) const {
  auto place = by_name_.find(std::string(name));
  return place == by_name_.end() ? nullptr : &tensors_[place->second];
}

uint64_t Gguf::total_bytes() const {
  uint64_t bytes = 0;
  for (const ModelFile& file : files_) bytes += file.size();
  return bytes;
}

Status Gguf::ReadTensor(const TensorInfo& tensor, uint64_t offset,
                        std::span<std::byte> destination) const {
  if (tensor.file >= files_.size() || offset > tensor.bytes ||
      destination.size() > tensor.bytes - offset) {
    return InvalidArgument("tensor '" + tensor.name + "': " + std::to_string(destination.size()) +
                           " bytes at " + std::to_string(offset) + " are outside its " +
                           std::to_string(tensor.bytes));
  }
  return files_[tensor.file].ReadAt(tensor.offset + offset, destination);
}

}  // namespace moira::format
