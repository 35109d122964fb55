#pragma once

#include "quant/activation_blocks.h"
#include "quant/kernels.h"
#include "quant/lanes.h"

// Rounding of activations to 8 bits, and the gating of an expert FFN. Lanes are neighbouring
// values.
namespace moira::quant {
namespace {

inline float LargestMagnitude(const float* values, int count) {
  Lanes::Float largest = Lanes::Zero();
  for (int i = 0; i < count; i += Lanes::kCount) {
    largest = Lanes::Max(largest, Lanes::Abs(Lanes::LoadFloat(values + i)));
  }
  return Lanes::LargestLane(largest);
}

struct Rounding {
  float d;        // value of one step
  float inverse;  // steps per value
};

// Magnitudes so small that the inverse would overflow become zero.
inline Rounding MakeRounding(float largest) {
  if (largest < 0x1p-120f) return {0.0f, 0.0f};
  return {largest / 127.0f, 127.0f / largest};
}

// Rounds `count` values and returns the sum of the results.
inline int32_t RoundValues(const float* values, int count, float inverse, int8_t* q) {
  const Lanes::Float factor = Lanes::SetFloat(inverse);
  Lanes::Int sum = Lanes::Set(0);
  for (int i = 0; i < count; i += Lanes::kCount) {
    const Lanes::Int rounded = Lanes::RoundToInt(Lanes::Mul(Lanes::LoadFloat(values + i), factor));
    Lanes::StoreInt8(q + i, rounded);
    sum = Lanes::Add(sum, rounded);
  }
  return Lanes::SumLanes(sum);
}

void QuantizeBlock32(const float* values, size_t columns, std::byte* row) {
  ActivationBlock32* block = reinterpret_cast<ActivationBlock32*>(row);
  for (size_t c = 0; c < columns; c += 32, ++block) {
    const Rounding rounding = MakeRounding(LargestMagnitude(values + c, 32));
    const int32_t sum = RoundValues(values + c, 32, rounding.inverse, block->q);
    block->d = rounding.d;
    block->scaled_sum = rounding.d * static_cast<float>(sum);
    block->negated_sum = -sum;
  }
}

void QuantizeBlock256(const float* values, size_t columns, std::byte* row) {
  ActivationBlock256* block = reinterpret_cast<ActivationBlock256*>(row);
  for (size_t c = 0; c < columns; c += 256, ++block) {
    const Rounding rounding = MakeRounding(LargestMagnitude(values + c, 256));
    int32_t total = 0;
    for (int g = 0; g < 8; ++g) {
      int32_t sums[2];
      for (int half = 0; half < 2; ++half) {
        const int begin = 32 * g + 16 * half;
        sums[half] = RoundValues(values + c + begin, 16, rounding.inverse, block->q + begin);
        block->sum16[2 * g + half] = static_cast<int16_t>(sums[half]);
      }
      block->sum32[g] = static_cast<int16_t>(sums[0] + sums[1]);
      block->negated_sum32[g] = -(sums[0] + sums[1]);
      total += sums[0] + sums[1];
    }
    block->d = rounding.d;
    block->negated_sum = -total;
  }
}

// e^x for x in [-87, 87]: 2^n * e^r with r in +-ln(2)/2, polynomial of the Cephes library's expf.
inline Lanes::Float Exp(Lanes::Float x) {
  const Lanes::Int n = Lanes::RoundToInt(Lanes::Mul(x, Lanes::SetFloat(1.44269504f)));
  const Lanes::Float steps = Lanes::FromInt(n);
  // ln(2) in two parts, so that the product of the first with n is exact.
  Lanes::Float r = Lanes::NegativeMulAdd(steps, Lanes::SetFloat(0.693359375f), x);
  r = Lanes::NegativeMulAdd(steps, Lanes::SetFloat(-2.12194440e-4f), r);
  Lanes::Float p = Lanes::SetFloat(1.9875691500e-4f);
  p = Lanes::MulAdd(p, r, Lanes::SetFloat(1.3981999507e-3f));
  p = Lanes::MulAdd(p, r, Lanes::SetFloat(8.3334519073e-3f));
  p = Lanes::MulAdd(p, r, Lanes::SetFloat(4.1665795894e-2f));
  p = Lanes::MulAdd(p, r, Lanes::SetFloat(1.6666665459e-1f));
  p = Lanes::MulAdd(p, r, Lanes::SetFloat(5.0000001201e-1f));
  p = Lanes::MulAdd(p, Lanes::Mul(r, r), Lanes::Add(r, Lanes::SetFloat(1.0f)));
  return Lanes::Mul(p, Lanes::FromBits(Lanes::ShiftLeft(Lanes::Add(n, Lanes::Set(127)), 23)));
}

void SwiGlu(float* gate, const float* up, size_t count) {
  const Lanes::Float one = Lanes::SetFloat(1.0f);
  for (size_t i = 0; i < count; i += Lanes::kCount) {
    const Lanes::Float x = Lanes::LoadFloat(gate + i);
    // Beyond +-87 the sigmoid is 1 or vanishes.
    const Lanes::Float bounded =
        Lanes::Max(Lanes::Min(x, Lanes::SetFloat(87.0f)), Lanes::SetFloat(-87.0f));
    const Lanes::Float minus = Lanes::Mul(bounded, Lanes::SetFloat(-1.0f));
    const Lanes::Float silu = Lanes::Div(x, Lanes::Add(one, Exp(minus)));
    Lanes::StoreFloat(gate + i, Lanes::Mul(silu, Lanes::LoadFloat(up + i)));
  }
}

}  // namespace
}  // namespace moira::quant
