#pragma once

#include <cstdint>

// Activations rounded to 8 bits: value k of a block is d * q[k], q in [-127, 127]. The sums let a
// kernel add an offset to its weights, or a minimum, without touching the values again.
namespace moira::quant {

// For weights in blocks of 32 values.
struct ActivationBlock32 {
  int8_t q[32];
  float d;
  float scaled_sum;     // d * sum of q
  int32_t negated_sum;  // -(sum of q)
  int32_t padding;      // keeps the next block's values 16-byte aligned
};
static_assert(sizeof(ActivationBlock32) == 48);

// For weights in super-blocks of 256 values.
struct ActivationBlock256 {
  int8_t q[256];
  int16_t sum16[16];         // of each 16 values
  int16_t sum32[8];          // of each 32 values
  int32_t negated_sum32[8];  // -(sum32)
  float d;
  int32_t negated_sum;  // of all
  int32_t padding[2];
};
static_assert(sizeof(ActivationBlock256) == 352);

}  // namespace moira::quant
