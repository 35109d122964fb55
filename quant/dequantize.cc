#include "quant/dequantize.h"

#include <cstring>

#include "quant/block_formats.h"
#include "quant/half.h"

namespace moira::quant {
namespace {

void Expand(const BlockQ4_0& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>((block.qs[j] & 15) - 8) * d;
    y[j + 16] = static_cast<float>((block.qs[j] >> 4) - 8) * d;
  }
}

void Expand(const BlockQ4_1& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  const float m = HalfBitsToFloat(block.m);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(block.qs[j] & 15) * d + m;
    y[j + 16] = static_cast<float>(block.qs[j] >> 4) * d + m;
  }
}

// Value j (0-31) of a block with 16 bytes of nibbles and 32 fifth bits.
int FiveBits(const uint8_t* qs, const uint8_t* qh, int j) {
  const int nibble = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;
  return nibble | (qh[j / 8] >> (j % 8) & 1) << 4;
}

void Expand(const BlockQ5_0& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(FiveBits(block.qs, block.qh, j) - 16) * d;
}

void Expand(const BlockQ5_1& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  const float m = HalfBitsToFloat(block.m);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(FiveBits(block.qs, block.qh, j)) * d + m;
}

void Expand(const BlockQ8_0& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(block.qs[j]) * d;
}

// Two bits of value k (0-255) of Q2_K and Q3_K.
int TwoBits(const uint8_t* qs, int k) {
  return qs[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3;
}

void Expand(const BlockQ2_K& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  const float dmin = HalfBitsToFloat(block.dmin);
  for (int group = 0; group < 16; ++group) {
    const float scale = d * static_cast<float>(block.scales[group] & 15);
    const float minimum = dmin * static_cast<float>(block.scales[group] >> 4);
    for (int k = group * 16; k < group * 16 + 16; ++k) {
      y[k] = scale * static_cast<float>(TwoBits(block.qs, k)) - minimum;
    }
  }
}

void Expand(const BlockQ3_K& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int group = 0; group < 16; ++group) {
    const int low = group < 8 ? block.scales[group] & 15 : block.scales[group - 8] >> 4;
    const int high = block.scales[8 + group % 4] >> (2 * (group / 4)) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (int k = group * 16; k < group * 16 + 16; ++k) {
      const int high_bit = block.hmask[k % 32] >> (k / 32) & 1;
      y[k] = scale * static_cast<float>(TwoBits(block.qs, k) - (high_bit ? 0 : 4));
    }
  }
}

struct ScaleAndMinimum {
  int scale, minimum;
};

// The packed 6-bit pair of group g (0-7) of Q4_K and Q5_K.
ScaleAndMinimum SixBitPair(const uint8_t* scales, int g) {
  if (g < 4) return {scales[g] & 63, scales[g + 4] & 63};
  return {(scales[g + 4] & 15) | (scales[g - 4] >> 6) << 4, (scales[g + 4] >> 4) | (scales[g] >> 6)
                                                                                       << 4};
}

void Expand(const BlockQ4_K& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  const float dmin = HalfBitsToFloat(block.dmin);
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum pair = SixBitPair(block.scales, group);
    const float scale = d * static_cast<float>(pair.scale);
    const float minimum = dmin * static_cast<float>(pair.minimum);
    for (int l = 0; l < 32; ++l) {
      const int nibble = block.qs[group / 2 * 32 + l] >> (group % 2 * 4) & 15;
      y[group * 32 + l] = scale * static_cast<float>(nibble) - minimum;
    }
  }
}

void Expand(const BlockQ5_K& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  const float dmin = HalfBitsToFloat(block.dmin);
  for (int group = 0; group < 8; ++group) {
    const ScaleAndMinimum pair = SixBitPair(block.scales, group);
    const float scale = d * static_cast<float>(pair.scale);
    const float minimum = dmin * static_cast<float>(pair.minimum);
    for (int l = 0; l < 32; ++l) {
      const int nibble = block.qs[group / 2 * 32 + l] >> (group % 2 * 4) & 15;
      const int fifth = block.qh[l] >> group & 1;
      y[group * 32 + l] = scale * static_cast<float>(nibble | fifth << 4) - minimum;
    }
  }
}

void Expand(const BlockQ6_K& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int k = 0; k < 256; ++k) {
    const int half = k / 128, quarter = k % 128 / 32, l = k % 32;
    const int low = block.ql[half * 64 + quarter % 2 * 32 + l] >> (quarter / 2 * 4) & 15;
    const int high = block.qh[half * 32 + l] >> (quarter * 2) & 3;
    const float scale = d * static_cast<float>(block.scales[k / 16]);
    y[k] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

void Expand(const BlockIQ4_NL& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kIq4Values[block.qs[j] & 15]);
    y[j + 16] = d * static_cast<float>(kIq4Values[block.qs[j] >> 4]);
  }
}

void Expand(const BlockIQ4_XS& block, float* y) {
  const float d = HalfBitsToFloat(block.d);
  for (int group = 0; group < 8; ++group) {
    const int low = block.scales_l[group / 2] >> (group % 2 * 4) & 15;
    const int high = block.scales_h >> (2 * group) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    for (int j = 0; j < 16; ++j) {
      const uint8_t byte = block.qs[group * 16 + j];
      y[group * 32 + j] = scale * static_cast<float>(kIq4Values[byte & 15]);
      y[group * 32 + j + 16] = scale * static_cast<float>(kIq4Values[byte >> 4]);
    }
  }
}

void Expand(const BlockMXFP4& block, float* y) {
  const float d = HalfOfE8M0(block.e);
  for (int j = 0; j < 16; ++j) {
    y[j] = static_cast<float>(kMxfp4Values[block.qs[j] & 15]) * d;
    y[j + 16] = static_cast<float>(kMxfp4Values[block.qs[j] >> 4]) * d;
  }
}

// Blocks are copied out first: those of a file are not aligned.
template <typename Block>
void ExpandBlocks(const std::byte* source, std::span<float> values) {
  for (size_t k = 0; k < values.size(); k += Block::kValues, source += sizeof(Block)) {
    Block block;
    std::memcpy(&block, source, sizeof(block));
    Expand(block, values.data() + k);
  }
}

void ExpandBfloat16(const std::byte* source, std::span<float> values) {
  for (size_t k = 0; k < values.size(); ++k) {
    uint16_t bits;
    std::memcpy(&bits, source + k * sizeof(bits), sizeof(bits));
    values[k] = Bfloat16BitsToFloat(bits);
  }
}

void ExpandHalf(const std::byte* source, std::span<float> values) {
  for (size_t k = 0; k < values.size(); ++k) {
    uint16_t bits;
    std::memcpy(&bits, source + k * sizeof(bits), sizeof(bits));
    values[k] = HalfBitsToFloat(bits);
  }
}

}  // namespace

void Dequantize(format::TensorType type, const std::byte* source, std::span<float> values) {
  switch (type) {
    case format::TensorType::kF32:
      std::memcpy(values.data(), source, values.size_bytes());
      return;
    case format::TensorType::kF16:
      return ExpandHalf(source, values);
    case format::TensorType::kBF16:
      return ExpandBfloat16(source, values);
    case format::TensorType::kQ4_0:
      return ExpandBlocks<BlockQ4_0>(source, values);
    case format::TensorType::kQ4_1:
      return ExpandBlocks<BlockQ4_1>(source, values);
    case format::TensorType::kQ5_0:
      return ExpandBlocks<BlockQ5_0>(source, values);
    case format::TensorType::kQ5_1:
      return ExpandBlocks<BlockQ5_1>(source, values);
    case format::TensorType::kQ8_0:
      return ExpandBlocks<BlockQ8_0>(source, values);
    case format::TensorType::kQ2_K:
      return ExpandBlocks<BlockQ2_K>(source, values);
    case format::TensorType::kQ3_K:
      return ExpandBlocks<BlockQ3_K>(source, values);
    case format::TensorType::kQ4_K:
      return ExpandBlocks<BlockQ4_K>(source, values);
    case format::TensorType::kQ5_K:
      return ExpandBlocks<BlockQ5_K>(source, values);
    case format::TensorType::kQ6_K:
      return ExpandBlocks<BlockQ6_K>(source, values);
    case format::TensorType::kIQ4_NL:
      return ExpandBlocks<BlockIQ4_NL>(source, values);
    case format::TensorType::kIQ4_XS:
      return ExpandBlocks<BlockIQ4_XS>(source, values);
    case format::TensorType::kMXFP4:
      return ExpandBlocks<BlockMXFP4>(source, values);
  }
}

}  // namespace moira::quant
