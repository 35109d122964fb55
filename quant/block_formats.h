#pragma once

#include <cstdint>

// The blocks of each quantised type as they lie in a GGUF file, little-endian (layouts from
// ggml-common.h of the ggml project). Value k of a row of type T is in block k / kValues.
namespace moira::quant {

struct BlockQ4_0 {  // d * (nibble - 8)
  static constexpr int kValues = 32;
  uint16_t d;
  uint8_t qs[16];  // low nibbles: values 0-15, high nibbles: values 16-31
};

struct BlockQ4_1 {  // d * nibble + m
  static constexpr int kValues = 32;
  uint16_t d, m;
  uint8_t qs[16];
};

struct BlockQ5_0 {  // d * (five bits - 16)
  static constexpr int kValues = 32;
  uint16_t d;
  uint8_t qh[4];  // bit j is the fifth bit of value j
  uint8_t qs[16];
};

struct BlockQ5_1 {  // d * five bits + m
  static constexpr int kValues = 32;
  uint16_t d, m;
  uint8_t qh[4];
  uint8_t qs[16];
};

struct BlockQ8_0 {
  static constexpr int kValues = 32;
  uint16_t d;
  int8_t qs[32];
};

// Super-blocks of 16 groups of 16: d * scale * q - dmin * minimum.
struct BlockQ2_K {
  static constexpr int kValues = 256;
  uint8_t scales[16];  // low nibble: scale, high nibble: minimum
  uint8_t qs[64];      // per 128 values 32 bytes, group of 32 number g at bits 2g
  uint16_t d, dmin;
};

// 16 groups of 16: d * (scale - 32) * (two bits - (high bit ? 0 : 4)).
struct BlockQ3_K {
  static constexpr int kValues = 256;
  uint8_t hmask[32];  // bit g of byte l: high bit of value l of the group of 32 number g
  uint8_t qs[64];     // as in Q2_K
  uint8_t scales[12];
  uint16_t d;
};

// 8 groups of 32: d * scale * nibble - dmin * minimum.
struct BlockQ4_K {
  static constexpr int kValues = 256;
  uint16_t d, dmin;
  uint8_t scales[12];  // 8 scales and 8 minimums of 6 bits each
  uint8_t qs[128];     // per 64 values 32 bytes: low nibbles first, then high nibbles
};

struct BlockQ5_K {
  static constexpr int kValues = 256;
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];  // bit g of byte l: fifth bit of value l of group g
  uint8_t qs[128];
};

// 16 groups of 16: d * scale * (six bits - 32).
struct BlockQ6_K {
  static constexpr int kValues = 256;
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};

struct BlockIQ4_NL {  // d * kIq4Values[nibble], nibbles as in Q4_0
  static constexpr int kValues = 32;
  uint16_t d;
  uint8_t qs[16];
};

// 8 groups of 32: d * (scale - 32) * kIq4Values[nibble].
struct BlockIQ4_XS {
  static constexpr int kValues = 256;
  uint16_t d;
  uint16_t scales_h;    // bits 2g: high two bits of the scale of group g
  uint8_t scales_l[4];  // nibble g: low four bits
  uint8_t qs[128];      // per 32 values 16 bytes, halves as in Q4_0
};

struct BlockMXFP4 {  // 2^(e - 128) * kMxfp4Values[nibble], nibbles as in Q4_0
  static constexpr int kValues = 32;
  uint8_t e;
  uint8_t qs[16];
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22 &&
              sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 &&
              sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136 && sizeof(BlockMXFP4) == 17);

// The non-linear 4-bit levels of the IQ4 types.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};
// FP4 E2M1 times two, so that they are whole numbers (OCP Microscaling Formats, table 5).
inline constexpr int8_t kMxfp4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace moira::quant
