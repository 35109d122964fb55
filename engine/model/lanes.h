#pragma once

// Sixteen floats side by side, in the registers that the including file is compiled for. Everything
// here has internal linkage: files compiled for different instruction sets must never share an
// inline function, or the linker may pick one that the processor lacks.

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace moira::engine {
namespace {

constexpr size_t kLanes = 16;
#if defined(__AVX512F__)
constexpr size_t kNativeLanes = 16;
#elif defined(__AVX2__)
constexpr size_t kNativeLanes = 8;
#else
constexpr size_t kNativeLanes = 4;  // SSE2, NEON
#endif
constexpr size_t kParts = kLanes / kNativeLanes;

using Native = float __attribute__((vector_size(kNativeLanes * sizeof(float))));
using NativeInt = int32_t __attribute__((vector_size(kNativeLanes * sizeof(int32_t))));
using NativeHalf = uint16_t __attribute__((vector_size(kNativeLanes * sizeof(uint16_t))));

struct Lanes {
  Native part[kParts];
};

// Applies `function` to each register's worth; written out, so that the parts stay in registers.
template <typename Function>
inline Lanes Generate(Function function) {
  if constexpr (kParts == 1) {
    return {{function(0)}};
  } else if constexpr (kParts == 2) {
    return {{function(0), function(1)}};
  } else {
    return {{function(0), function(1), function(2), function(3)}};
  }
}

inline Lanes Broadcast(float value) {
  return Generate([&](size_t) { return Native{} + value; });
}

inline Lanes Load(const float* values) {
  return Generate([&](size_t i) {
    Native native;
    std::memcpy(&native, values + i * kNativeLanes, sizeof(native));
    return native;
  });
}

inline void Store(float* values, const Lanes& lanes) {
  std::memcpy(values, lanes.part, sizeof(lanes.part));
}

inline Lanes operator+(const Lanes& a, const Lanes& b) {
  return Generate([&](size_t i) { return a.part[i] + b.part[i]; });
}

inline Lanes operator-(const Lanes& a, const Lanes& b) {
  return Generate([&](size_t i) { return a.part[i] - b.part[i]; });
}

inline Lanes operator*(const Lanes& a, const Lanes& b) {
  return Generate([&](size_t i) { return a.part[i] * b.part[i]; });
}

inline Native NativeMulAdd(Native a, Native b, Native c) {
#if defined(__AVX512F__)
  return (Native)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Native)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// a * b + c, rounded once where the instruction set can.
inline Lanes MulAdd(const Lanes& a, const Lanes& b, const Lanes& c) {
  return Generate([&](size_t i) { return NativeMulAdd(a.part[i], b.part[i], c.part[i]); });
}

inline Lanes Max(const Lanes& a, const Lanes& b) {
  return Generate([&](size_t i) { return a.part[i] > b.part[i] ? a.part[i] : b.part[i]; });
}

inline Native NativeFromHalf(const uint16_t* halves) {
#if defined(__AVX512F__)
  // The masked form with all lanes: GCC 12 warns of the plain one's undefined pass-through.
  return (Native)_mm512_maskz_cvtph_ps(
      0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
#elif defined(__AVX2__)
  return (Native)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
#else
  NativeHalf raw;
  std::memcpy(&raw, halves, sizeof(raw));
  const NativeInt bits = __builtin_convertvector(raw, NativeInt);
  const NativeInt magnitude = bits & 0x7fff;
  // The half's exponent and fraction, moved to where a float has them, are 2^112 too small as a
  // number; subnormal halves come out right that way too. Exponent 31 is infinity or NaN.
  const Native scaled = (Native)(magnitude << 13) * 0x1p112f;
  const NativeInt special = (magnitude >= 0x7c00) & 0x7f800000;
  return (Native)((NativeInt)scaled | special | ((bits & 0x8000) << 16));
#endif
}

inline Lanes LoadHalf(const uint16_t* halves) {
  return Generate([&](size_t i) { return NativeFromHalf(halves + i * kNativeLanes); });
}

// The first `count` lanes, and `fill` in the others.
inline Lanes KeepFirst(const Lanes& lanes, size_t count, float fill) {
  float values[kLanes];
  Store(values, lanes);
  for (size_t i = count; i < kLanes; ++i) values[i] = fill;
  return Load(values);
}

// Halves added pairwise: the order is the same in every instruction set.
inline float Sum(const Lanes& lanes) {
  float values[kLanes];
  Store(values, lanes);
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t i = 0; i < width; ++i) values[i] += values[i + width];
  }
  return values[0];
}

inline float Largest(const Lanes& lanes) {
  float values[kLanes];
  Store(values, lanes);
  float largest = values[0];
  for (size_t i = 1; i < kLanes; ++i) largest = values[i] > largest ? values[i] : largest;
  return largest;
}

// e^x for x <= 0, within 2 units in the last place down to e^-87; less than that is e^-87. Range
// reduction and polynomial: Cephes, expf (S. Moshier).
inline Lanes Exp(const Lanes& x) {
  return Generate([&](size_t i) {
    const Native smallest = Native{} - 87.0f;
    const Native clamped = x.part[i] > smallest ? x.part[i] : smallest;
    const Native round = Native{} + 0x1.8p23f;  // adding it rounds to an integer in the low bits
    const Native shifted = NativeMulAdd(clamped, Native{} + 1.44269504f, round);
    const Native whole = shifted - round;
    Native rest = NativeMulAdd(whole, Native{} - 0.693359375f, clamped);
    rest = NativeMulAdd(whole, Native{} + 2.12194440e-4f, rest);
    Native polynomial = Native{} + 1.9875691500e-4f;
    polynomial = NativeMulAdd(polynomial, rest, Native{} + 1.3981999507e-3f);
    polynomial = NativeMulAdd(polynomial, rest, Native{} + 8.3334519073e-3f);
    polynomial = NativeMulAdd(polynomial, rest, Native{} + 4.1665795894e-2f);
    polynomial = NativeMulAdd(polynomial, rest, Native{} + 1.6666665459e-1f);
    polynomial = NativeMulAdd(polynomial, rest, Native{} + 5.0000001201e-1f);
    const Native fraction = NativeMulAdd(polynomial, rest * rest, rest + 1.0f);
    const NativeInt exponent = ((NativeInt)shifted - (NativeInt)round) << 23;
    return (Native)((NativeInt)fraction + exponent);
  });
}

}  // namespace
}  // namespace moira::engine
