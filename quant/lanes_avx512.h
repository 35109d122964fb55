#pragma once

// GCC 12 takes the deliberately undefined operands inside its own intrinsics for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstddef>
#include <cstdint>

// lanes_portable.h in AVX-512 (F, BW, DQ, VL, VNNI): what each operation means is said there.
namespace moira::quant {
namespace {

struct Lanes {
  static constexpr int kCount = 16;
  static constexpr bool kSignedWeights = false;
  static constexpr int kTokenTile = 8;
  static constexpr int kFloatRowTile = 4;
  static constexpr int kFloatTokenTile = 4;

  using Int = __m512i;
  using Float = __m512;

  static Int LoadStrided(const std::byte* base, size_t stride) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i offset = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int>(stride)));
    return _mm512_i32gather_epi32(offset, base, 1);
  }
  // 16 bytes of rows first, first + 4, first + 8 and first + 12.
  static __m512i LoadFourRows(const std::byte* first, size_t stride) {
    const auto load = [&](int i) {
      return _mm_loadu_si128(
          reinterpret_cast<const __m128i*>(first + static_cast<size_t>(4 * i) * stride));
    };
    __m512i rows = _mm512_castsi128_si512(load(0));
    rows = _mm512_inserti32x4(rows, load(1), 1);
    rows = _mm512_inserti32x4(rows, load(2), 2);
    return _mm512_inserti32x4(rows, load(3), 3);
  }
  static void LoadInterleaved(const std::byte* base, size_t stride, Int out[4]) {
    // Four 4x4 transpositions of dwords side by side.
    const __m512i a = LoadFourRows(base, stride);
    const __m512i b = LoadFourRows(base + stride, stride);
    const __m512i c = LoadFourRows(base + 2 * stride, stride);
    const __m512i d = LoadFourRows(base + 3 * stride, stride);
    const __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
    out[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
    out[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
    out[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
    out[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
  }
  static Int Load(const uint32_t* aligned) { return _mm512_load_si512(aligned); }
  static void Store(uint32_t* aligned, Int x) { _mm512_store_si512(aligned, x); }
  static Int Set(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
  static Int Broadcast(const void* dword) {
    int value;
    __builtin_memcpy(&value, dword, sizeof(value));
    return _mm512_set1_epi32(value);
  }

  static Int And(Int a, Int b) { return _mm512_and_si512(a, b); }
  static Int Or(Int a, Int b) { return _mm512_or_si512(a, b); }
  static Int Xor(Int a, Int b) { return _mm512_xor_si512(a, b); }
  static Int Add(Int a, Int b) { return _mm512_add_epi32(a, b); }
  static Int Sub(Int a, Int b) { return _mm512_sub_epi32(a, b); }
  static Int MaxSigned(Int a, Int b) { return _mm512_max_epi32(a, b); }
  static Int ShiftLeft(Int a, int n) { return _mm512_slli_epi32(a, static_cast<unsigned>(n)); }
  static Int ShiftRight(Int a, int n) { return _mm512_srli_epi32(a, static_cast<unsigned>(n)); }
  static Int ShiftRightSigned(Int a, int n) {
    return _mm512_srai_epi32(a, static_cast<unsigned>(n));
  }
  static Int MulLow16(Int a, Int b) { return _mm512_mullo_epi16(a, b); }
  static Int LookUp(const uint8_t table[16], Int index) {
    const __m128i row = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(row), index);
  }

  template <bool kWide>
  static Int Dot(Int sum, Int weights, Int activations) {
    return _mm512_dpbusd_epi32(sum, weights, activations);
  }
  static Int DotPairs(Int sum, Int a, Int b) { return _mm512_dpwssd_epi32(sum, a, b); }

  static Float Zero() { return _mm512_setzero_ps(); }
  static Float SetFloat(float value) { return _mm512_set1_ps(value); }
  static Float BroadcastFloat(const float* value) { return _mm512_set1_ps(*value); }
  static Float LoadFloat(const float* values) { return _mm512_loadu_ps(values); }
  static void StoreFloat(float* values, Float x) { _mm512_storeu_ps(values, x); }
  static Float LoadWeights(const float* values) { return _mm512_loadu_ps(values); }
  struct Half {
    uint16_t bits;
  };
  struct Bfloat16 {
    uint16_t bits;
  };
  static Float LoadWeights(const Half* values) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
  }
  static Float LoadWeights(const Bfloat16* values) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }

  static Float FromBits(Int bits) { return _mm512_castsi512_ps(bits); }
  static Float FromHalf(Int bits) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(bits)); }
  static Float FromInt(Int x) { return _mm512_cvtepi32_ps(x); }
  static Int RoundToInt(Float x) { return _mm512_cvtps_epi32(x); }
  static Float Add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float Mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float Div(Float a, Float b) { return _mm512_div_ps(a, b); }
  static Float MulAdd(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float NegativeMulAdd(Float a, Float b, Float c) { return _mm512_fnmadd_ps(a, b, c); }
  static Float Min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static Float Max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static Float Abs(Float a) { return _mm512_abs_ps(a); }

  static float LargestLane(Float x) { return _mm512_reduce_max_ps(x); }
  static int32_t SumLanes(Int x) { return _mm512_reduce_add_epi32(x); }
  static float SumOf16(const Float parts[1]) {
    const __m256 eight =
        _mm256_add_ps(_mm512_castps512_ps256(parts[0]), _mm512_extractf32x8_ps(parts[0], 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static void StoreInt8(int8_t* bytes, Int x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtepi32_epi8(x));
  }
};

}  // namespace
}  // namespace moira::quant
