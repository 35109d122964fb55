#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "quant/half.h"

// What panel_inl.h and its neighbours are written against: `kCount` lanes of 32 bits and a handful
// of operations. Each instruction set has a struct of this name and meaning; this one is plain C++
// and so the description of the others. A lane is one row of a panel, or one of neighbouring
// values.
namespace moira::quant {
namespace {

struct Lanes {
  static constexpr int kCount = 4;
  // Dot's weights are int8_t; otherwise uint8_t.
  static constexpr bool kSignedWeights = true;
  // Register tiles: tokens of an integer panel; rows and tokens of a float panel.
  static constexpr int kTokenTile = 2;
  static constexpr int kFloatRowTile = 2;
  static constexpr int kFloatTokenTile = 2;

  struct Int {
    uint32_t lane[kCount];
  };
  struct Float {
    float lane[kCount];
  };

  template <typename F>
  static Int MapInt(F f) {
    Int r;
    for (int i = 0; i < kCount; ++i) r.lane[i] = f(i);
    return r;
  }
  template <typename F>
  static Float MapFloat(F f) {
    Float r;
    for (int i = 0; i < kCount; ++i) r.lane[i] = f(i);
    return r;
  }

  // Lane i: the four bytes at base + i * stride.
  static Int LoadStrided(const std::byte* base, size_t stride) {
    return MapInt([&](int i) {
      uint32_t dword;
      std::memcpy(&dword, base + static_cast<size_t>(i) * stride, sizeof(dword));
      return dword;
    });
  }
  // Lane i of out[j]: bytes 4j to 4j + 3 of the 16 bytes at base + i * stride.
  static void LoadInterleaved(const std::byte* base, size_t stride, Int out[4]) {
    for (int j = 0; j < 4; ++j) out[j] = LoadStrided(base + 4 * j, stride);
  }
  static Int Load(const uint32_t* aligned) {
    return MapInt([&](int i) { return aligned[i]; });
  }
  static void Store(uint32_t* aligned, Int x) { std::memcpy(aligned, x.lane, sizeof(x.lane)); }
  static Int Set(uint32_t value) {
    return MapInt([&](int) { return value; });
  }
  static Int Broadcast(const void* dword) {
    uint32_t value;
    std::memcpy(&value, dword, sizeof(value));
    return Set(value);
  }

  static Int And(Int a, Int b) {
    return MapInt([&](int i) { return a.lane[i] & b.lane[i]; });
  }
  static Int Or(Int a, Int b) {
    return MapInt([&](int i) { return a.lane[i] | b.lane[i]; });
  }
  static Int Xor(Int a, Int b) {
    return MapInt([&](int i) { return a.lane[i] ^ b.lane[i]; });
  }
  static Int Add(Int a, Int b) {
    return MapInt([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Int Sub(Int a, Int b) {
    return MapInt([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Int MaxSigned(Int a, Int b) {
    return MapInt([&](int i) {
      return static_cast<int32_t>(a.lane[i]) > static_cast<int32_t>(b.lane[i]) ? a.lane[i]
                                                                               : b.lane[i];
    });
  }
  static Int ShiftLeft(Int a, int n) {
    return MapInt([&](int i) { return a.lane[i] << n; });
  }
  static Int ShiftRight(Int a, int n) {
    return MapInt([&](int i) { return a.lane[i] >> n; });
  }
  static Int ShiftRightSigned(Int a, int n) {
    return MapInt(
        [&](int i) { return static_cast<uint32_t>(static_cast<int32_t>(a.lane[i]) >> n); });
  }
  // Low 16 bits of the products of 16-bit halves.
  static Int MulLow16(Int a, Int b) {
    return MapInt([&](int i) {
      const uint32_t low = (a.lane[i] & 0xffff) * (b.lane[i] & 0xffff) & 0xffff;
      return low | (a.lane[i] >> 16) * (b.lane[i] >> 16) << 16;
    });
  }
  // Each byte of `index` (0-15) is replaced by that entry of the table.
  static Int LookUp(const uint8_t table[16], Int index) {
    return MapInt([&](int i) {
      uint32_t r = 0;
      for (int b = 0; b < 32; b += 8) {
        r |= static_cast<uint32_t>(table[index.lane[i] >> b & 15]) << b;
      }
      return r;
    });
  }

  // sum + the dot product of the four bytes of each lane; kWide: weights use all 8 bits, otherwise
  // they are in [0, 63]. Activations are in [-127, 127].
  template <bool kWide>
  static Int Dot(Int sum, Int weights, Int activations) {
    return MapInt([&](int i) {
      int32_t dot = 0;
      for (int b = 0; b < 32; b += 8) {
        dot += static_cast<int8_t>(weights.lane[i] >> b & 0xff) *
               static_cast<int8_t>(activations.lane[i] >> b & 0xff);
      }
      return sum.lane[i] + static_cast<uint32_t>(dot);
    });
  }
  // The same for two int16_t.
  static Int DotPairs(Int sum, Int a, Int b) {
    return MapInt([&](int i) {
      const int32_t low = static_cast<int16_t>(a.lane[i]) * static_cast<int16_t>(b.lane[i]);
      const int32_t high =
          static_cast<int16_t>(a.lane[i] >> 16) * static_cast<int16_t>(b.lane[i] >> 16);
      return sum.lane[i] + static_cast<uint32_t>(low) + static_cast<uint32_t>(high);
    });
  }

  static Float Zero() {
    return MapFloat([](int) { return 0.0f; });
  }
  static Float SetFloat(float value) {
    return MapFloat([&](int) { return value; });
  }
  static Float BroadcastFloat(const float* value) { return SetFloat(*value); }
  static Float LoadFloat(const float* values) {
    Float r;
    std::memcpy(r.lane, values, sizeof(r.lane));
    return r;
  }
  static void StoreFloat(float* values, Float x) { std::memcpy(values, x.lane, sizeof(x.lane)); }
  // Neighbouring weights of a file, as floats.
  static Float LoadWeights(const float* values) { return LoadFloat(values); }
  struct Half {
    uint16_t bits;
  };
  struct Bfloat16 {
    uint16_t bits;
  };
  static Float LoadWeights(const Half* values) {
    uint16_t bits[kCount];
    std::memcpy(bits, values, sizeof(bits));
    return MapFloat([&](int i) { return HalfBitsToFloat(bits[i]); });
  }
  static Float LoadWeights(const Bfloat16* values) {
    uint16_t bits[kCount];
    std::memcpy(bits, values, sizeof(bits));
    return MapFloat([&](int i) { return Bfloat16BitsToFloat(bits[i]); });
  }

  static Float FromBits(Int bits) {
    Float r;
    std::memcpy(r.lane, bits.lane, sizeof(r.lane));
    return r;
  }
  // The low 16 bits of each lane as a half-precision number.
  static Float FromHalf(Int bits) {
    return MapFloat([&](int i) { return HalfBitsToFloat(static_cast<uint16_t>(bits.lane[i])); });
  }
  static Float FromInt(Int x) {
    return MapFloat([&](int i) { return static_cast<float>(static_cast<int32_t>(x.lane[i])); });
  }
  // To nearest, ties to even.
  static Int RoundToInt(Float x) {
    return MapInt(
        [&](int i) { return static_cast<uint32_t>(static_cast<int32_t>(std::lrintf(x.lane[i]))); });
  }
  static Float Add(Float a, Float b) {
    return MapFloat([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Float Mul(Float a, Float b) {
    return MapFloat([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Float Div(Float a, Float b) {
    return MapFloat([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  // a * b + c and c - a * b, rounded once.
  static Float MulAdd(Float a, Float b, Float c) {
    return MapFloat([&](int i) { return std::fma(a.lane[i], b.lane[i], c.lane[i]); });
  }
  static Float NegativeMulAdd(Float a, Float b, Float c) {
    return MapFloat([&](int i) { return std::fma(-a.lane[i], b.lane[i], c.lane[i]); });
  }
  static Float Min(Float a, Float b) {
    return MapFloat([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Float Max(Float a, Float b) {
    return MapFloat([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Float Abs(Float a) {
    return MapFloat([&](int i) { return std::fabs(a.lane[i]); });
  }

  static float LargestLane(Float x) {
    float largest = x.lane[0];
    for (int i = 1; i < kCount; ++i) largest = x.lane[i] > largest ? x.lane[i] : largest;
    return largest;
  }
  static int32_t SumLanes(Int x) {
    uint32_t sum = 0;
    for (int i = 0; i < kCount; ++i) sum += x.lane[i];
    return static_cast<int32_t>(sum);
  }
  // The sum of 16 values, held in 16 / kCount registers: halves are added until one is left.
  static float SumOf16(const Float parts[16 / kCount]) {
    float values[16];
    std::memcpy(values, parts, sizeof(values));
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) values[i] += values[i + half];
    }
    return values[0];
  }
  // The low byte of each lane.
  static void StoreInt8(int8_t* bytes, Int x) {
    for (int i = 0; i < kCount; ++i) bytes[i] = static_cast<int8_t>(x.lane[i]);
  }
};

}  // namespace
}  // namespace moira::quant
