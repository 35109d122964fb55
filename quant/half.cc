#include "quant/half.h"

#include "quant/dequantize.h"

namespace moira::quant {

float HalfToFloat(uint16_t half) { return HalfBitsToFloat(half); }

uint16_t FloatToHalf(float value) { return FloatToHalfBits(value); }

void HalfToFloat(std::span<const uint16_t> halves, std::span<float> values) {
  for (size_t i = 0; i < halves.size(); ++i) values[i] = HalfBitsToFloat(halves[i]);
}

void FloatToHalf(std::span<const float> values, std::span<uint16_t> halves) {
  for (size_t i = 0; i < values.size(); ++i) halves[i] = FloatToHalfBits(values[i]);
}

}  // namespace moira::quant
