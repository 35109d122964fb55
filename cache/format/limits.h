#pragma once

#include <cstdint>

// Every maximum that a model file is held to as a container; what a model may declare in it is
// engine/model's to bound. The format itself allows more (64-bit counts, 64 KiB keys); these values
// leave room above all published models and keep what a hostile file can cost small. Each is named
// in a test (tests/check/limits.py).
namespace moira::format {

inline constexpr uint32_t kMinGgufVersion = 2;
inline constexpr uint32_t kMaxGgufVersion = 3;
inline constexpr uint64_t kMaxMetadataEntries = 65'536;
inline constexpr uint64_t kMaxTensors = 1'048'576;
inline constexpr uint64_t kMaxNameBytes = 256;  // of a key or a tensor
inline constexpr uint64_t kMaxStringBytes = uint64_t{16} << 20;
inline constexpr uint64_t kMaxArrayElements = uint64_t{16} << 20;
inline constexpr uint32_t kMaxArrayNesting = 1;
inline constexpr uint32_t kMinDimensions = 1;
inline constexpr uint32_t kMaxDimensions = 4;
inline constexpr uint64_t kMaxDimension = (uint64_t{1} << 31) - 1;
inline constexpr uint64_t kDefaultAlignment = 32;
inline constexpr uint64_t kMinAlignment = 8;
inline constexpr uint64_t kMaxAlignment = 65'536;
inline constexpr uint64_t kMaxSplitFiles = 1'024;

}  // namespace moira::format
