#pragma once

#include <cstddef>

#include "quant/block_formats.h"
#include "quant/lanes.h"
#include "quant/panel_inl.h"

// How the blocks of Lanes::kCount neighbouring rows become one block of a panel, for each format.
// `base` is the block of the first row, those of the others follow `stride` bytes apart.
namespace moira::quant {
namespace {

using Int = Lanes::Int;

inline Int Bytes(uint8_t value) { return Lanes::Set(value * 0x01010101u); }

inline Int LowNibbles(Int x) { return Lanes::And(x, Bytes(0x0f)); }
inline Int HighNibbles(Int x) { return LowNibbles(Lanes::ShiftRight(x, 4)); }

// Moves bit or bit field `from` of each byte to `to`, where the mask keeps it.
inline Int MoveBits(Int x, int from, int to, uint8_t mask) {
  const Int moved = from > to ? Lanes::ShiftRight(x, from - to) : Lanes::ShiftLeft(x, to - from);
  return Lanes::And(moved, Bytes(mask));
}

// Byte i (0-3) of each lane, as a number.
inline Int Byte(Int x, int i) { return Lanes::And(Lanes::ShiftRight(x, 8 * i), Lanes::Set(0xff)); }
inline Int SignedByte(Int x, int i) {
  return Lanes::ShiftRightSigned(Lanes::ShiftLeft(x, 24 - 8 * i), 24);
}

// Bytes 0 and 1 (half 0) or 2 and 3 (half 1) as a pair of 16-bit numbers.
inline Int BytePair(Int x, int half) {
  const Int low = Lanes::And(half == 0 ? x : Lanes::ShiftRight(x, 16), Lanes::Set(0xff));
  const Int high = Lanes::And(half == 0 ? Lanes::ShiftLeft(x, 8) : Lanes::ShiftRight(x, 8),
                              Lanes::Set(0xff0000));
  return Lanes::Or(low, high);
}

// Weights of all eight bits are kept the way that Dot takes them: as they are, or plus 128.
inline constexpr int kWideOffsetBits = Lanes::kSignedWeights ? 0 : 7;
inline constexpr uint8_t kWideFlip = Lanes::kSignedWeights ? 0 : 0x80;

// 16 bytes of nibbles at `qs`: the low ones are values 0-15, the high ones values 16-31.
template <typename Decode>
inline void UnpackHalves(const std::byte* qs, size_t stride, uint32_t (*weights)[Lanes::kCount],
                         Decode decode) {
  Int raw[4];
  Lanes::LoadInterleaved(qs, stride, raw);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    Lanes::Store(weights[i], decode(LowNibbles(raw[i]), i));
    Lanes::Store(weights[i + 4], decode(HighNibbles(raw[i]), i + 4));
  }
}

struct Format32 {
  using Panel = PanelBlock32;
  using Activation = ActivationBlock32;
  static constexpr ActivationForm kForm = ActivationForm::kBlock32;
  static constexpr bool kWide = false;
  static constexpr bool kMinimum = false;
  static constexpr int kOffsetBits = 0;
};

struct FormatQ4_0 : Format32 {
  using Block = BlockQ4_0;
  static constexpr int kOffsetBits = 3;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(Lanes::LoadStrided(base, stride)));
    UnpackHalves(base + offsetof(Block, qs), stride, out.weights, [](Int x, int) { return x; });
  }
};

struct FormatQ4_1 : Format32 {
  using Block = BlockQ4_1;
  static constexpr bool kMinimum = true;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    const Int header = Lanes::LoadStrided(base, stride);
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(header));
    Lanes::StoreFloat(out.minimum, Lanes::FromHalf(Lanes::ShiftRight(header, 16)));
    UnpackHalves(base + offsetof(Block, qs), stride, out.weights, [](Int x, int) { return x; });
  }
};

// Nibbles plus the fifth bits in `high`, bit j for value j.
inline void UnpackFiveBits(const std::byte* qs, size_t stride, Int high,
                           uint32_t (*weights)[Lanes::kCount]) {
  UnpackHalves(qs, stride, weights, [high](Int x, int dword) {
    // Bits 0-3 go to bits 0, 8, 16 and 24: copies 7, 14 and 21 further up, the rest masked away.
    Int bits = Lanes::And(Lanes::ShiftRight(high, 4 * dword), Lanes::Set(15));
    bits = Lanes::Or(bits, Lanes::ShiftLeft(bits, 7));
    bits = Lanes::Or(bits, Lanes::ShiftLeft(bits, 14));
    return Lanes::Or(x, MoveBits(bits, 0, 4, 0x10));
  });
}

struct FormatQ5_0 : Format32 {
  using Block = BlockQ5_0;
  static constexpr int kOffsetBits = 4;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(Lanes::LoadStrided(base, stride)));
    UnpackFiveBits(base + offsetof(Block, qs), stride,
                   Lanes::LoadStrided(base + offsetof(Block, qh), stride), out.weights);
  }
};

struct FormatQ5_1 : Format32 {
  using Block = BlockQ5_1;
  static constexpr bool kMinimum = true;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    const Int header = Lanes::LoadStrided(base, stride);
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(header));
    Lanes::StoreFloat(out.minimum, Lanes::FromHalf(Lanes::ShiftRight(header, 16)));
    UnpackFiveBits(base + offsetof(Block, qs), stride,
                   Lanes::LoadStrided(base + offsetof(Block, qh), stride), out.weights);
  }
};

struct FormatQ8_0 : Format32 {
  using Block = BlockQ8_0;
  static constexpr bool kWide = true;
  static constexpr int kOffsetBits = kWideOffsetBits;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(Lanes::LoadStrided(base, stride)));
    for (int half = 0; half < 2; ++half) {
      Int raw[4];
      Lanes::LoadInterleaved(base + offsetof(Block, qs) + 16 * half, stride, raw);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        Lanes::Store(out.weights[4 * half + i], Lanes::Xor(raw[i], Bytes(kWideFlip)));
      }
    }
  }
};

// A table of signed levels with an offset added to each.
struct LevelTable {
  uint8_t level[16];
  constexpr LevelTable(const int8_t (&values)[16], int offset) : level{} {
    for (int i = 0; i < 16; ++i) level[i] = static_cast<uint8_t>(values[i] + offset);
  }
};
alignas(16) inline constexpr LevelTable kIq4Table(kIq4Values, kWideFlip);
alignas(16) inline constexpr LevelTable kMxfp4Table(kMxfp4Values, 16);

struct FormatIQ4_NL : Format32 {
  using Block = BlockIQ4_NL;
  static constexpr bool kWide = true;
  static constexpr int kOffsetBits = kWideOffsetBits;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    Lanes::StoreFloat(out.scale, Lanes::FromHalf(Lanes::LoadStrided(base, stride)));
    UnpackHalves(base + offsetof(Block, qs), stride, out.weights,
                 [](Int x, int) { return Lanes::LookUp(kIq4Table.level, x); });
  }
};

struct FormatMXFP4 : Format32 {
  using Block = BlockMXFP4;
  static constexpr int kOffsetBits = 4;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    // 2^(e - 128): the exponent field e - 1, and for e < 2 the subnormal numbers, which are above
    // it exactly there.
    const Int e = Byte(Lanes::LoadStrided(base, stride), 0);
    const Int normal = Lanes::ShiftLeft(Lanes::Sub(e, Lanes::Set(1)), 23);
    const Int subnormal = Lanes::ShiftLeft(Lanes::Add(e, Lanes::Set(1)), 21);
    Lanes::StoreFloat(out.scale, Lanes::FromBits(Lanes::MaxSigned(normal, subnormal)));
    UnpackHalves(base + offsetof(Block, qs), stride, out.weights,
                 [](Int x, int) { return Lanes::LookUp(kMxfp4Table.level, x); });
  }
};

template <int groups, int minimums>
struct Format256 {
  using Panel = PanelBlock256<groups, minimums>;
  using Activation = ActivationBlock256;
  static constexpr ActivationForm kForm = ActivationForm::kBlock256;
  static constexpr bool kWide = false;
  static constexpr int kOffsetBits = 0;
  static constexpr int kGroups = groups;
  static constexpr int kMinimums = minimums;
};

// 32 neighbouring bytes of each row.
inline void Load32(const std::byte* base, size_t stride, Int out[8]) {
  Lanes::LoadInterleaved(base, stride, out);
  Lanes::LoadInterleaved(base + 16, stride, out + 4);
}

// Scales and minimums of Q4_K and Q5_K from the 16 bytes that both begin with.
template <typename Panel>
inline void UnpackSixBitPairs(const std::byte* base, size_t stride, Panel& out) {
  Int header[4];
  Lanes::LoadInterleaved(base, stride, header);
  const Lanes::Float d = Lanes::FromHalf(header[0]);
  Lanes::StoreFloat(out.minimum_scale, Lanes::FromHalf(Lanes::ShiftRight(header[0], 16)));
  const Int scales[2] = {
      Lanes::And(header[1], Bytes(63)),
      Lanes::Or(LowNibbles(header[3]), MoveBits(header[1], 6, 4, 0x30)),
  };
  const Int minimums[2] = {
      Lanes::And(header[2], Bytes(63)),
      Lanes::Or(HighNibbles(header[3]), MoveBits(header[2], 6, 4, 0x30)),
  };
#pragma GCC unroll 8
  for (int g = 0; g < 8; ++g) {
    Lanes::StoreFloat(out.scale[g], Lanes::Mul(d, Lanes::FromInt(Byte(scales[g / 4], g % 4))));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) Lanes::Store(out.minimum[i], BytePair(minimums[i / 2], i % 2));
}

struct FormatQ4_K : Format256<8, 8> {
  using Block = BlockQ4_K;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    UnpackSixBitPairs(base, stride, out);
    for (int pair = 0; pair < 4; ++pair) {
      Int raw[8];
      Load32(base + offsetof(Block, qs) + 32 * pair, stride, raw);
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        Lanes::Store(out.weights[16 * pair + i], LowNibbles(raw[i]));
        Lanes::Store(out.weights[16 * pair + 8 + i], HighNibbles(raw[i]));
      }
    }
  }
};

struct FormatQ5_K : Format256<8, 8> {
  using Block = BlockQ5_K;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    UnpackSixBitPairs(base, stride, out);
    Int high[8];
    Load32(base + offsetof(Block, qh), stride, high);
#pragma GCC unroll 4
    for (int pair = 0; pair < 4; ++pair) {
      Int raw[8];
      Load32(base + offsetof(Block, qs) + 32 * pair, stride, raw);
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        Lanes::Store(out.weights[16 * pair + i],
                     Lanes::Or(LowNibbles(raw[i]), MoveBits(high[i], 2 * pair, 4, 0x10)));
        Lanes::Store(out.weights[16 * pair + 8 + i],
                     Lanes::Or(HighNibbles(raw[i]), MoveBits(high[i], 2 * pair + 1, 4, 0x10)));
      }
    }
  }
};

struct FormatQ6_K : Format256<16, 16> {
  using Block = BlockQ6_K;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    // The dword that ends with the block's last two bytes.
    const Int d_bits = Lanes::LoadStrided(base + offsetof(Block, d) - 2, stride);
    const Lanes::Float d = Lanes::FromHalf(Lanes::ShiftRight(d_bits, 16));
    Lanes::StoreFloat(out.minimum_scale, d);
    Int scales[4];
    Lanes::LoadInterleaved(base + offsetof(Block, scales), stride, scales);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const Int even = SignedByte(scales[i / 2], i % 2 * 2);
      const Int odd = SignedByte(scales[i / 2], i % 2 * 2 + 1);
      Lanes::StoreFloat(out.scale[2 * i], Lanes::Mul(d, Lanes::FromInt(even)));
      Lanes::StoreFloat(out.scale[2 * i + 1], Lanes::Mul(d, Lanes::FromInt(odd)));
      // The weights' offset of 32 is a minimum of 32 * scale.
      Lanes::Store(out.minimum[i],
                   Lanes::Or(Lanes::And(Lanes::ShiftLeft(even, 5), Lanes::Set(0xffff)),
                             Lanes::ShiftLeft(odd, 16 + 5)));
    }
    UnpackWeights(base, stride, out.weights);
  }

 private:
  static void UnpackWeights(const std::byte* base, size_t stride,
                            uint32_t (*weights)[Lanes::kCount]) {
    for (int half = 0; half < 2; ++half, weights += 32) {
      Int low[16], high[8];
      Load32(base + offsetof(Block, ql) + 64 * half, stride, low);
      Load32(base + offsetof(Block, ql) + 64 * half + 32, stride, low + 8);
      Load32(base + offsetof(Block, qh) + 32 * half, stride, high);
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        Lanes::Store(weights[i], Lanes::Or(LowNibbles(low[i]), MoveBits(high[i], 0, 4, 0x30)));
        Lanes::Store(weights[8 + i],
                     Lanes::Or(LowNibbles(low[8 + i]), MoveBits(high[i], 2, 4, 0x30)));
        Lanes::Store(weights[16 + i],
                     Lanes::Or(HighNibbles(low[i]), MoveBits(high[i], 4, 4, 0x30)));
        Lanes::Store(weights[24 + i],
                     Lanes::Or(HighNibbles(low[8 + i]), MoveBits(high[i], 6, 4, 0x30)));
      }
    }
  }
};

// A number below 2^16 in both halves of each lane.
inline Int InBothHalves(Int x) { return Lanes::Or(x, Lanes::ShiftLeft(x, 16)); }

// 2-bit weights times 4-bit scales fit in six bits: one integer sum for the whole block.
struct FormatQ2_K : Format256<1, 16> {
  using Block = BlockQ2_K;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    const Int d_bits = Lanes::LoadStrided(base + offsetof(Block, d), stride);
    Lanes::StoreFloat(out.scale[0], Lanes::FromHalf(d_bits));
    Lanes::StoreFloat(out.minimum_scale, Lanes::FromHalf(Lanes::ShiftRight(d_bits, 16)));
    Int scales[4];
    Lanes::LoadInterleaved(base, stride, scales);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      Lanes::Store(out.minimum[i], BytePair(HighNibbles(scales[i / 2]), i % 2));
    }
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      Int raw[8];
      Load32(base + offsetof(Block, qs) + 32 * half, stride, raw);
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g) {
        const Int pair = LowNibbles(scales[2 * half + g / 2]);
        const Int scale[2] = {InBothHalves(Byte(pair, g % 2 * 2)),
                              InBothHalves(Byte(pair, g % 2 * 2 + 1))};
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
          // Bytes stay below 46, so nothing is carried from one to the next.
          Lanes::Store(out.weights[32 * half + 8 * g + i],
                       Lanes::MulLow16(MoveBits(raw[i], 2 * g, 0, 3), scale[i / 4]));
        }
      }
    }
  }
};

// -(scale * value) is in [-128, 124] for each weight: one integer sum for the whole block, and the
// factor is -d.
struct FormatQ3_K : Format256<1, 0> {
  using Block = BlockQ3_K;
  static constexpr bool kWide = true;
  static constexpr int kOffsetBits = kWideOffsetBits;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    // The block's last 16 bytes: two of qs, then scales and d.
    Int tail[4];
    Lanes::LoadInterleaved(base + sizeof(Block) - 16, stride, tail);
    const Lanes::Float d = Lanes::FromHalf(Lanes::ShiftRight(tail[3], 16));
    Lanes::StoreFloat(out.scale[0], Lanes::Mul(d, Lanes::SetFloat(-1.0f)));
    Int bytes[3];  // scales[0-3], [4-7], [8-11]
    for (int i = 0; i < 3; ++i) {
      bytes[i] = Lanes::Or(Lanes::ShiftRight(tail[i], 16), Lanes::ShiftLeft(tail[i + 1], 16));
    }
    const Int scales[4] = {
        Lanes::Or(LowNibbles(bytes[0]), MoveBits(bytes[2], 0, 4, 0x30)),
        Lanes::Or(LowNibbles(bytes[1]), MoveBits(bytes[2], 2, 4, 0x30)),
        Lanes::Or(HighNibbles(bytes[0]), MoveBits(bytes[2], 4, 4, 0x30)),
        Lanes::Or(HighNibbles(bytes[1]), MoveBits(bytes[2], 6, 4, 0x30)),
    };
    Int high[8];
    Load32(base + offsetof(Block, hmask), stride, high);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      Int raw[8];
      Load32(base + offsetof(Block, qs) + 32 * half, stride, raw);
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g) {
        const Int scale[2] = {Scale(scales[2 * half + g / 2], g % 2 * 2),
                              Scale(scales[2 * half + g / 2], g % 2 * 2 + 1)};
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) {
          const Int bits =
              Lanes::Or(MoveBits(raw[i], 2 * g, 0, 3), MoveBits(high[i], 4 * half + g, 2, 4));
          Lanes::Store(out.weights[32 * half + 8 * g + i],
                       Lanes::Xor(Scaled(bits, scale[i / 4]), Bytes(kWideFlip)));
        }
      }
    }
  }

 private:
  // Scale i (0-3) of four, in both halves of each lane, modulo 2^16.
  static Int Scale(Int four, int i) {
    const Int scale = Lanes::Sub(Byte(four, i), Lanes::Set(32));
    return InBothHalves(Lanes::And(scale, Lanes::Set(0xffff)));
  }
  // scale * (4 - bits) in each byte, modulo 256.
  static Int Scaled(Int bits, Int scale) {
    const Int values = Lanes::Xor(Lanes::Sub(Bytes(0x84), bits), Bytes(0x80));
    const Int low_bytes = Lanes::Set(0x00ff00ff);
    const Int even = Lanes::And(Lanes::MulLow16(values, scale), low_bytes);
    const Int odd = Lanes::And(
        Lanes::MulLow16(Lanes::And(Lanes::ShiftRight(values, 8), low_bytes), scale), low_bytes);
    return Lanes::Or(even, Lanes::ShiftLeft(odd, 8));
  }
};

struct FormatIQ4_XS : Format256<8, 0> {
  using Block = BlockIQ4_XS;
  static constexpr bool kWide = true;
  static constexpr int kOffsetBits = kWideOffsetBits;
  static void Unpack(const std::byte* base, size_t stride, Panel& out) {
    const Int header = Lanes::LoadStrided(base, stride);
    const Int low = Lanes::LoadStrided(base + offsetof(Block, scales_l), stride);
    const Lanes::Float d = Lanes::FromHalf(header);
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g) {
      const Int six_bits = Lanes::Or(
          Lanes::And(Lanes::ShiftRight(low, 4 * g), Lanes::Set(15)),
          Lanes::ShiftLeft(Lanes::And(Lanes::ShiftRight(header, 16 + 2 * g), Lanes::Set(3)), 4));
      Lanes::StoreFloat(out.scale[g],
                        Lanes::Mul(d, Lanes::FromInt(Lanes::Sub(six_bits, Lanes::Set(32)))));
      UnpackHalves(base + offsetof(Block, qs) + 16 * g, stride, out.weights + 8 * g,
                   [](Int x, int) { return Lanes::LookUp(kIq4Table.level, x); });
    }
  }
};

}  // namespace
}  // namespace moira::quant
