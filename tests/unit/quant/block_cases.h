#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "cache/format/tensor_type.h"
#include "quant/matrix.h"

// Random weights of every format, and what they mean in double precision: a decoder of its own,
// written from the format descriptions value by value, that shares nothing with the product's.
namespace moira::quant::testing {

using format::TensorType;

inline constexpr TensorType kAllTypes[] = {
    TensorType::kF32,  TensorType::kF16,    TensorType::kBF16,   TensorType::kQ4_0,
    TensorType::kQ4_1, TensorType::kQ5_0,   TensorType::kQ5_1,   TensorType::kQ8_0,
    TensorType::kQ2_K, TensorType::kQ3_K,   TensorType::kQ4_K,   TensorType::kQ5_K,
    TensorType::kQ6_K, TensorType::kIQ4_NL, TensorType::kIQ4_XS, TensorType::kMXFP4,
};

inline double DecodeHalf(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8;
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

inline int Bits(const uint8_t* p, int first, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i) value |= (p[(first + i) / 8] >> (first + i) % 8 & 1) << i;
  return value;
}

// Value k of one block.
inline double DecodeValue(TensorType type, const uint8_t* b, int k) {
  constexpr double kFp4[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  constexpr double kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};
  // Nibbles of 32 values in 16 bytes at p: value j and value j + 16 share a byte.
  const auto half_nibble = [](const uint8_t* p, int j) {
    return Bits(p, j % 16 * 8 + j / 16 * 4, 4);
  };
  switch (type) {
    case TensorType::kF32: {
      float value;
      std::memcpy(&value, b, 4);
      return value;
    }
    case TensorType::kF16:
      return DecodeHalf(b);
    case TensorType::kBF16: {
      const uint8_t bytes[4] = {0, 0, b[0], b[1]};
      float value;
      std::memcpy(&value, bytes, 4);
      return value;
    }
    case TensorType::kQ4_0:
      return DecodeHalf(b) * (half_nibble(b + 2, k) - 8);
    case TensorType::kQ4_1:
      return DecodeHalf(b) * half_nibble(b + 4, k) + DecodeHalf(b + 2);
    case TensorType::kQ5_0:
      return DecodeHalf(b) * (half_nibble(b + 6, k) + 16 * Bits(b + 2, k, 1) - 16);
    case TensorType::kQ5_1:
      return DecodeHalf(b) * (half_nibble(b + 8, k) + 16 * Bits(b + 4, k, 1)) + DecodeHalf(b + 2);
    case TensorType::kQ8_0:
      return DecodeHalf(b) * static_cast<int8_t>(b[2 + k]);
    case TensorType::kQ2_K: {
      const int q = Bits(b + 16 + k / 128 * 32 + k % 32, k / 32 % 4 * 2, 2);
      return DecodeHalf(b + 80) * Bits(b + k / 16, 0, 4) * q -
             DecodeHalf(b + 82) * Bits(b + k / 16, 4, 4);
    }
    case TensorType::kQ3_K: {
      const int q = Bits(b + 32 + k / 128 * 32 + k % 32, k / 32 % 4 * 2, 2) +
                    4 * Bits(b + k % 32, k / 32, 1) - 4;
      const int g = k / 16;
      const int scale =
          Bits(b + 96 + g % 8, g / 8 * 4, 4) + 16 * Bits(b + 104 + g % 4, g / 4 * 2, 2);
      return DecodeHalf(b + 108) * (scale - 32) * q;
    }
    case TensorType::kQ4_K:
    case TensorType::kQ5_K: {
      const bool five = type == TensorType::kQ5_K;
      const int g = k / 32;
      const uint8_t* s = b + 4;
      const int scale =
          g < 4 ? Bits(s + g, 0, 6) : Bits(s + g + 4, 0, 4) + 16 * Bits(s + g - 4, 6, 2);
      const int minimum =
          g < 4 ? Bits(s + g + 4, 0, 6) : Bits(s + g + 4, 4, 4) + 16 * Bits(s + g, 6, 2);
      const int nibble = Bits(b + (five ? 48 : 16) + k / 64 * 32 + k % 32, k / 32 % 2 * 4, 4);
      const int q = nibble + (five ? 16 * Bits(b + 16 + k % 32, g, 1) : 0);
      return DecodeHalf(b) * scale * q - DecodeHalf(b + 2) * minimum;
    }
    case TensorType::kQ6_K: {
      const int low = Bits(b + k / 128 * 64 + k % 64, k % 128 / 64 * 4, 4);
      const int high = Bits(b + 128 + k / 128 * 32 + k % 32, k % 128 / 32 * 2, 2);
      return DecodeHalf(b + 208) * static_cast<int8_t>(b[192 + k / 16]) * (low + 16 * high - 32);
    }
    case TensorType::kIQ4_NL:
      return DecodeHalf(b) * kLevels[half_nibble(b + 2, k)];
    case TensorType::kIQ4_XS: {
      const int g = k / 32;
      const int scale = Bits(b + 4, 4 * g, 4) + 16 * Bits(b + 2, 2 * g, 2) - 32;
      return DecodeHalf(b) * scale * kLevels[half_nibble(b + 8 + 16 * g, k % 32)];
    }
    case TensorType::kMXFP4: {
      const int code = half_nibble(b + 1, k);
      return std::ldexp(code & 8 ? -kFp4[code & 7] : kFp4[code & 7], b[0] - 127);
    }
  }
  return 0;
}

// Offsets of the half-precision factors of a block.
inline std::vector<int> HalfOffsets(TensorType type) {
  switch (type) {
    case TensorType::kF32:
    case TensorType::kBF16:
    case TensorType::kMXFP4:
      return {};
    case TensorType::kQ4_1:
    case TensorType::kQ5_1:
    case TensorType::kQ4_K:
    case TensorType::kQ5_K:
      return {0, 2};
    case TensorType::kQ2_K:
      return {80, 82};
    case TensorType::kQ3_K:
      return {108};
    case TensorType::kQ6_K:
      return {208};
    default:
      return {0};
  }
}

// A matrix that owns its bytes. They begin at an odd address: files promise no alignment.
struct RandomMatrix {
  std::vector<std::byte> storage;
  MatrixView view;

  // Every bit pattern that is not a factor occurs; factors are within 2^(+-4) of `scale`, of both
  // signs.
  RandomMatrix(TensorType type, uint64_t rows, uint64_t columns, uint32_t seed,
               float scale = 0.01f) {
    const format::TensorTypeInfo& info = format::GetTensorType(type);
    const size_t blocks = rows * columns / info.block_elements;
    storage.resize(blocks * info.block_bytes + 1);
    view = {type, storage.data() + 1, rows, columns};
    std::mt19937 random(seed);
    for (std::byte& byte : storage) byte = static_cast<std::byte>(random());
    std::uniform_real_distribution<float> exponent(-4, 4);
    const auto factor = [&] {
      return scale * std::exp2(exponent(random)) * (random() % 2 ? 1.0f : -1.0f);
    };
    uint8_t* block = reinterpret_cast<uint8_t*>(storage.data() + 1);
    for (size_t i = 0; i < blocks; ++i, block += info.block_bytes) {
      if (type == TensorType::kF32 || type == TensorType::kBF16) {
        const float value = factor();
        std::memcpy(block, reinterpret_cast<const uint8_t*>(&value) + 4 - info.block_bytes,
                    info.block_bytes);
      }
      if (type == TensorType::kMXFP4) {
        block[0] = static_cast<uint8_t>(127 + std::lround(std::log2(std::abs(factor()))));
      }
      for (const int offset : HalfOffsets(type)) {
        // Truncated to half precision by hand; exponents here are far from its limits.
        const float value = factor();
        uint32_t bits;
        std::memcpy(&bits, &value, 4);
        const uint16_t half =
            static_cast<uint16_t>((bits >> 16 & 0x8000) |
                                  ((((bits >> 23 & 255) - 112) & 31) << 10) | (bits >> 13 & 1023));
        std::memcpy(block + offset, &half, 2);
      }
    }
  }

  double At(uint64_t row, uint64_t column) const {
    const format::TensorTypeInfo& info = format::GetTensorType(view.type);
    const uint8_t* block = reinterpret_cast<const uint8_t*>(view.data) + row * view.row_bytes() +
                           column / info.block_elements * info.block_bytes;
    return DecodeValue(view.type, block, static_cast<int>(column % info.block_elements));
  }
};

inline std::vector<float> RandomValues(size_t count, uint32_t seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Columns that a format allows, of several kinds: less than a register, odd numbers of blocks.
inline std::vector<size_t> ColumnCases(TensorType type) {
  const uint32_t block = format::GetTensorType(type).block_elements;
  if (block == 1) return {1, 16, 31, 160, 577};
  if (block == 32) return {32, 96, 160, 576, 1024};
  return {256, 768, 1280};
}

}  // namespace moira::quant::testing
