#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

// lanes_portable.h in NEON with the dot product extension of Armv8.2: what each operation means is
// said there.
namespace moira::quant {
namespace {

struct Lanes {
  static constexpr int kCount = 4;
  static constexpr bool kSignedWeights = true;
  static constexpr int kTokenTile = 8;
  static constexpr int kFloatRowTile = 2;
  static constexpr int kFloatTokenTile = 2;

  using Int = uint32x4_t;
  using Float = float32x4_t;

  static uint32_t LoadDword(const void* source) {
    uint32_t value;
    __builtin_memcpy(&value, source, sizeof(value));
    return value;
  }
  static Int LoadStrided(const std::byte* base, size_t stride) {
    Int r = vdupq_n_u32(LoadDword(base));
    r = vsetq_lane_u32(LoadDword(base + stride), r, 1);
    r = vsetq_lane_u32(LoadDword(base + 2 * stride), r, 2);
    return vsetq_lane_u32(LoadDword(base + 3 * stride), r, 3);
  }
  static uint32x4_t LoadRow(const std::byte* row) {
    return vreinterpretq_u32_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(row)));
  }
  static void LoadInterleaved(const std::byte* base, size_t stride, Int out[4]) {
    const uint32x4_t a = LoadRow(base), b = LoadRow(base + stride);
    const uint32x4_t c = LoadRow(base + 2 * stride), d = LoadRow(base + 3 * stride);
    const uint64x2_t ab_even = vreinterpretq_u64_u32(vtrn1q_u32(a, b));
    const uint64x2_t ab_odd = vreinterpretq_u64_u32(vtrn2q_u32(a, b));
    const uint64x2_t cd_even = vreinterpretq_u64_u32(vtrn1q_u32(c, d));
    const uint64x2_t cd_odd = vreinterpretq_u64_u32(vtrn2q_u32(c, d));
    out[0] = vreinterpretq_u32_u64(vtrn1q_u64(ab_even, cd_even));
    out[1] = vreinterpretq_u32_u64(vtrn1q_u64(ab_odd, cd_odd));
    out[2] = vreinterpretq_u32_u64(vtrn2q_u64(ab_even, cd_even));
    out[3] = vreinterpretq_u32_u64(vtrn2q_u64(ab_odd, cd_odd));
  }
  static Int Load(const uint32_t* aligned) { return vld1q_u32(aligned); }
  static void Store(uint32_t* aligned, Int x) { vst1q_u32(aligned, x); }
  static Int Set(uint32_t value) { return vdupq_n_u32(value); }
  static Int Broadcast(const void* dword) { return vdupq_n_u32(LoadDword(dword)); }

  static Int And(Int a, Int b) { return vandq_u32(a, b); }
  static Int Or(Int a, Int b) { return vorrq_u32(a, b); }
  static Int Xor(Int a, Int b) { return veorq_u32(a, b); }
  static Int Add(Int a, Int b) { return vaddq_u32(a, b); }
  static Int Sub(Int a, Int b) { return vsubq_u32(a, b); }
  static Int MaxSigned(Int a, Int b) {
    return vreinterpretq_u32_s32(vmaxq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b)));
  }
  static Int ShiftLeft(Int a, int n) { return vshlq_u32(a, vdupq_n_s32(n)); }
  static Int ShiftRight(Int a, int n) { return vshlq_u32(a, vdupq_n_s32(-n)); }
  static Int ShiftRightSigned(Int a, int n) {
    return vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(a), vdupq_n_s32(-n)));
  }
  static Int MulLow16(Int a, Int b) {
    return vreinterpretq_u32_u16(vmulq_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)));
  }
  static Int LookUp(const uint8_t table[16], Int index) {
    return vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(table), vreinterpretq_u8_u32(index)));
  }

  template <bool kWide>
  static Int Dot(Int sum, Int weights, Int activations) {
    return vreinterpretq_u32_s32(vdotq_s32(vreinterpretq_s32_u32(sum),
                                           vreinterpretq_s8_u32(weights),
                                           vreinterpretq_s8_u32(activations)));
  }
  static Int DotPairs(Int sum, Int a, Int b) {
    const int16x8_t x = vreinterpretq_s16_u32(a), y = vreinterpretq_s16_u32(b);
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    const int32x4_t high = vmull_high_s16(x, y);
    return vaddq_u32(sum, vreinterpretq_u32_s32(vpaddq_s32(low, high)));
  }

  static Float Zero() { return vdupq_n_f32(0.0f); }
  static Float SetFloat(float value) { return vdupq_n_f32(value); }
  static Float BroadcastFloat(const float* value) { return vld1q_dup_f32(value); }
  static Float LoadFloat(const float* values) { return vld1q_f32(values); }
  static void StoreFloat(float* values, Float x) { vst1q_f32(values, x); }
  // Weights of a file may lie at any address.
  static Float LoadWeights(const float* values) {
    return vreinterpretq_f32_u8(vld1q_u8(reinterpret_cast<const uint8_t*>(values)));
  }
  struct Half {
    uint16_t bits;
  };
  struct Bfloat16 {
    uint16_t bits;
  };
  static Float LoadWeights(const Half* values) {
    const uint8x8_t bits = vld1_u8(reinterpret_cast<const uint8_t*>(values));
    return vcvt_f32_f16(vreinterpret_f16_u8(bits));
  }
  static Float LoadWeights(const Bfloat16* values) {
    const uint8x8_t bits = vld1_u8(reinterpret_cast<const uint8_t*>(values));
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(bits), 16));
  }

  static Float FromBits(Int bits) { return vreinterpretq_f32_u32(bits); }
  static Float FromHalf(Int bits) { return vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(bits))); }
  static Float FromInt(Int x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
  static Int RoundToInt(Float x) { return vreinterpretq_u32_s32(vcvtnq_s32_f32(x)); }
  static Float Add(Float a, Float b) { return vaddq_f32(a, b); }
  static Float Mul(Float a, Float b) { return vmulq_f32(a, b); }
  static Float Div(Float a, Float b) { return vdivq_f32(a, b); }
  static Float MulAdd(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
  static Float NegativeMulAdd(Float a, Float b, Float c) { return vfmsq_f32(c, a, b); }
  static Float Min(Float a, Float b) { return vminq_f32(a, b); }
  static Float Max(Float a, Float b) { return vmaxq_f32(a, b); }
  static Float Abs(Float a) { return vabsq_f32(a); }

  static float LargestLane(Float x) { return vmaxvq_f32(x); }
  static int32_t SumLanes(Int x) { return static_cast<int32_t>(vaddvq_u32(x)); }
  static float SumOf16(const Float parts[4]) {
    const Float four = vaddq_f32(vaddq_f32(parts[0], parts[2]), vaddq_f32(parts[1], parts[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  static void StoreInt8(int8_t* bytes, Int x) {
    const int16x4_t words = vmovn_s32(vreinterpretq_s32_u32(x));
    const int8x8_t packed = vmovn_s16(vcombine_s16(words, words));
    __builtin_memcpy(bytes, &packed, 4);
  }
};

}  // namespace
}  // namespace moira::quant
