#pragma once

#include <cstddef>
#include <span>

#include "cache/format/tensor_type.h"

namespace moira::quant {

// Expands whole blocks of `type` at `source` to values.size() floats, exactly as the format defines
// (ggml's to_float of the same type, bit for bit). values.size() is a multiple of the block.
void Dequantize(format::TensorType type, const std::byte* source, std::span<float> values);

// Half-precision conversions; round to nearest even, NaN and infinities kept.
float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
void HalfToFloat(std::span<const uint16_t> halves, std::span<float> values);
void FloatToHalf(std::span<const float> values, std::span<uint16_t> halves);

}  // namespace moira::quant
