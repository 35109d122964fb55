#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "cache/expert_record.h"
#include "cache/format/model_file.h"

namespace moira::cache {

// Model files on disk that hold expert records and nothing else, each byte of which is a known
// function of layer, expert and place. Removed at the end.
class RecordFiles {
 public:
  // `experts` and `layout_classes` by layer. Records of class c have 3 parts of uneven size with
  // gaps between them; layers are numbered 1, 3, 5, … as in a model with dense layers between.
  RecordFiles(std::vector<uint32_t> experts, std::vector<uint32_t> layout_classes,
              uint64_t part_bytes = 1500) {
    std::string path = testing::TempDir() + "moira_records_" + std::to_string(getpid()) + "_" +
                       std::to_string(counter_++);
    std::vector<std::string> contents(2);
    for (uint32_t i = 0; i < experts.size(); ++i) {
      const uint64_t unit = part_bytes * (1 + layout_classes[i]);
      LayerRecords layer{2 * i + 1, experts[i], layout_classes[i], 0, {}};
      for (uint64_t part = 0; part < 3; ++part) {
        const uint64_t bytes = unit + 7 * part;
        const uint32_t file = (i + part) % 2;
        layer.parts.push_back(
            {file, contents[file].size() + 3, bytes + part, bytes, layer.record_bytes + 5 * part});
        layer.record_bytes += 5 * part + bytes;
        contents[file].append(3, '\xAA');
        for (uint32_t expert = 0; expert < experts[i]; ++expert) {
          for (uint64_t at = 0; at < bytes; ++at) {
            contents[file].push_back(static_cast<char>(
                Byte(layer.layer, expert, layer.parts.back().record_offset + at)));
          }
          contents[file].append(part, '\xBB');
        }
      }
      layers_.push_back(layer);
    }
    for (uint32_t file = 0; file < contents.size(); ++file) {
      paths_.push_back(path + "_" + std::to_string(file));
      std::ofstream(paths_.back(), std::ios::binary) << contents[file];
      Result<format::ModelFile> opened = format::ModelFile::Open(paths_.back());
      EXPECT_TRUE(opened.ok()) << opened.status().message();
      files_.push_back(std::move(opened).value());
    }
  }
  ~RecordFiles() {
    for (const std::string& path : paths_) std::filesystem::remove(path);
  }
  RecordFiles(const RecordFiles&) = delete;
  RecordFiles& operator=(const RecordFiles&) = delete;

  const std::vector<LayerRecords>& layers() const { return layers_; }
  std::span<const format::ModelFile> files() const { return files_; }
  const std::string& path(size_t file) const { return paths_[file]; }

  // Whether `data` holds the record, gaps between its parts aside.
  bool Holds(const std::byte* data, size_t ordinal, uint32_t expert) const {
    const LayerRecords& layer = layers_[ordinal];
    for (const RecordPart& part : layer.parts) {
      for (uint64_t at = part.record_offset; at < part.record_offset + part.bytes; ++at) {
        if (data[at] != Byte(layer.layer, expert, at)) return false;
      }
    }
    return true;
  }

 private:
  static std::byte Byte(uint32_t layer, uint32_t expert, uint64_t at) {
    uint64_t mixed = (uint64_t{layer} << 40 | uint64_t{expert} << 24 | at) * 0x9e3779b97f4a7c15u;
    return static_cast<std::byte>(mixed >> 56);
  }

  static inline int counter_ = 0;
  std::vector<LayerRecords> layers_;
  std::vector<std::string> paths_;
  std::vector<format::ModelFile> files_;
};

}  // namespace moira::cache
