#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// lanes_portable.h in AVX2 with FMA and F16C: what each operation means is said there.
namespace moira::quant {
namespace {

struct Lanes {
  static constexpr int kCount = 8;
  static constexpr bool kSignedWeights = true;
  static constexpr int kTokenTile = 4;
  static constexpr int kFloatRowTile = 2;
  static constexpr int kFloatTokenTile = 2;

  using Int = __m256i;
  using Float = __m256;

  static Int LoadStrided(const std::byte* base, size_t stride) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i offset = _mm256_mullo_epi32(lane, _mm256_set1_epi32(static_cast<int>(stride)));
    return _mm256_i32gather_epi32(reinterpret_cast<const int*>(base), offset, 1);
  }
  // 16 bytes of rows first and first + 4.
  static __m256i LoadTwoRows(const std::byte* first, size_t stride) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first + 4 * stride));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  static void LoadInterleaved(const std::byte* base, size_t stride, Int out[4]) {
    // Two 4x4 transpositions of dwords side by side.
    const __m256i a = LoadTwoRows(base, stride);
    const __m256i b = LoadTwoRows(base + stride, stride);
    const __m256i c = LoadTwoRows(base + 2 * stride, stride);
    const __m256i d = LoadTwoRows(base + 3 * stride, stride);
    const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
    const __m256i cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
    out[0] = _mm256_unpacklo_epi64(ab_low, cd_low);
    out[1] = _mm256_unpackhi_epi64(ab_low, cd_low);
    out[2] = _mm256_unpacklo_epi64(ab_high, cd_high);
    out[3] = _mm256_unpackhi_epi64(ab_high, cd_high);
  }
  static Int Load(const uint32_t* aligned) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(aligned));
  }
  static void Store(uint32_t* aligned, Int x) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(aligned), x);
  }
  static Int Set(uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
  static Int Broadcast(const void* dword) {
    int value;
    __builtin_memcpy(&value, dword, sizeof(value));
    return _mm256_set1_epi32(value);
  }

  static Int And(Int a, Int b) { return _mm256_and_si256(a, b); }
  static Int Or(Int a, Int b) { return _mm256_or_si256(a, b); }
  static Int Xor(Int a, Int b) { return _mm256_xor_si256(a, b); }
  static Int Add(Int a, Int b) { return _mm256_add_epi32(a, b); }
  static Int Sub(Int a, Int b) { return _mm256_sub_epi32(a, b); }
  static Int MaxSigned(Int a, Int b) { return _mm256_max_epi32(a, b); }
  static Int ShiftLeft(Int a, int n) { return _mm256_slli_epi32(a, n); }
  static Int ShiftRight(Int a, int n) { return _mm256_srli_epi32(a, n); }
  static Int ShiftRightSigned(Int a, int n) { return _mm256_srai_epi32(a, n); }
  static Int MulLow16(Int a, Int b) { return _mm256_mullo_epi16(a, b); }
  static Int LookUp(const uint8_t table[16], Int index) {
    const __m128i row = _mm_load_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(row), index);
  }

  template <bool kWide>
  static Int Dot(Int sum, Int weights, Int activations) {
    // vpmaddubsw takes unsigned by signed bytes and saturates pair sums at 16 bits. Magnitudes up
    // to 128 * 127 * 2 = 32512 fit, so wide weights give their signs to the activations.
    __m256i pairs;
    if constexpr (kWide) {
      pairs =
          _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights));
    } else {
      pairs = _mm256_maddubs_epi16(weights, activations);
    }
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static Int DotPairs(Int sum, Int a, Int b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  }

  static Float Zero() { return _mm256_setzero_ps(); }
  static Float SetFloat(float value) { return _mm256_set1_ps(value); }
  static Float BroadcastFloat(const float* value) { return _mm256_broadcast_ss(value); }
  static Float LoadFloat(const float* values) { return _mm256_loadu_ps(values); }
  static void StoreFloat(float* values, Float x) { _mm256_storeu_ps(values, x); }
  static Float LoadWeights(const float* values) { return _mm256_loadu_ps(values); }
  struct Half {
    uint16_t bits;
  };
  struct Bfloat16 {
    uint16_t bits;
  };
  static Float LoadWeights(const Half* values) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
  }
  static Float LoadWeights(const Bfloat16* values) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(values));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }

  static Float FromBits(Int bits) { return _mm256_castsi256_ps(bits); }
  static Float FromHalf(Int bits) {
    const __m256i low = _mm256_and_si256(bits, _mm256_set1_epi32(0xffff));
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0x08);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
  }
  static Float FromInt(Int x) { return _mm256_cvtepi32_ps(x); }
  static Int RoundToInt(Float x) { return _mm256_cvtps_epi32(x); }
  static Float Add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float Mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float Div(Float a, Float b) { return _mm256_div_ps(a, b); }
  static Float MulAdd(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float NegativeMulAdd(Float a, Float b, Float c) { return _mm256_fnmadd_ps(a, b, c); }
  static Float Min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static Float Max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float Abs(Float a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

  static float LargestLane(Float x) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
  static int32_t SumLanes(Int x) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
  }
  static float SumOf16(const Float parts[2]) {
    const __m256 eight = _mm256_add_ps(parts[0], parts[1]);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static void StoreInt8(int8_t* bytes, Int x) {
    // Values are within int8_t, so packing does not saturate.
    const __m128i words =
        _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(bytes), _mm_packs_epi16(words, words));
  }
};

}  // namespace
}  // namespace moira::quant
