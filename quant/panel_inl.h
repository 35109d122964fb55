#pragma once

#include "quant/activation_blocks.h"
#include "quant/kernels.h"
#include "quant/lanes.h"
#include "quant/prefetch_inl.h"

// Integer kernels. A panel is Lanes::kCount rows side by side: lane r of every register belongs to
// row r, and a dword of weights holds four neighbouring columns of that row. Unpacked once, it is
// applied to all tokens in tiles. The integer sums are exact, so only the order of the float
// operations, one chain for each (row, token), decides the result.
namespace moira::quant {
namespace {

// One block of 32 columns, unpacked. Stored weights are the format's values plus an offset.
struct alignas(64) PanelBlock32 {
  uint32_t weights[8][Lanes::kCount];
  float scale[Lanes::kCount];
  float minimum[Lanes::kCount];  // added to each value; only with Format::kMinimum
};

// One super-block of 256 columns, unpacked. kGroups == 1: the scales of the groups are already in
// the weights.
template <int kGroups, int kMinimums>
struct alignas(64) PanelBlock256 {
  uint32_t weights[64][Lanes::kCount];
  float scale[kGroups][Lanes::kCount];
  uint32_t minimum[kMinimums == 0 ? 1 : kMinimums / 2][Lanes::kCount];  // pairs of int16_t
  float minimum_scale[Lanes::kCount];
};

// Where an offset of 2^kBits is added to each weight, the sum starts at minus its contribution.
template <int kBits>
inline Lanes::Int StartSum(const int32_t* negated_sum) {
  if constexpr (kBits == 0) {
    return Lanes::Set(0);
  } else {
    return Lanes::ShiftLeft(Lanes::Broadcast(negated_sum), kBits);
  }
}

// Adds kDwords dwords of columns to the sums of kTokens tokens.
template <bool kWide, int kDwords, int kTokens>
inline void DotTile(const uint32_t (*weights)[Lanes::kCount], const int8_t* const* q,
                    Lanes::Int* sums) {
#pragma GCC unroll 8
  for (int i = 0; i < kDwords; ++i) {
    const Lanes::Int w = Lanes::Load(weights[i]);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      sums[t] = Lanes::Dot<kWide>(sums[t], w, Lanes::Broadcast(q[t] + 4 * i));
    }
  }
}

template <typename Format, int kTokens>
void MultiplyTile(const PanelBlock32* panel, size_t blocks, const std::byte* const* rows,
                  size_t offset, float* sums) {
  const ActivationBlock32* a[kTokens];
  Lanes::Float total[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    a[t] = reinterpret_cast<const ActivationBlock32*>(rows[t] + offset);
    total[t] = Lanes::LoadFloat(sums + t * Lanes::kCount);
  }
  for (size_t b = 0; b < blocks; ++b) {
    const PanelBlock32& block = panel[b];
    const int8_t* q[kTokens];
    Lanes::Int dot[kTokens];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      q[t] = a[t][b].q;
      dot[t] = StartSum<Format::kOffsetBits>(&a[t][b].negated_sum);
    }
    DotTile<Format::kWide, 8, kTokens>(block.weights, q, dot);
    const Lanes::Float scale = Lanes::LoadFloat(block.scale);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      total[t] = Lanes::MulAdd(Lanes::Mul(Lanes::FromInt(dot[t]), scale),
                               Lanes::BroadcastFloat(&a[t][b].d), total[t]);
      if constexpr (Format::kMinimum) {
        total[t] = Lanes::MulAdd(Lanes::LoadFloat(block.minimum),
                                 Lanes::BroadcastFloat(&a[t][b].scaled_sum), total[t]);
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) Lanes::StoreFloat(sums + t * Lanes::kCount, total[t]);
}

// The sum over groups of scale * integer dot product, for the 256 columns of one block.
template <typename Format, int kTokens, typename Panel>
inline void DotGroups(const Panel& block, const ActivationBlock256* const* a,
                      Lanes::Float* weighted) {
  constexpr int kDwords = 64 / Format::kGroups;
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) weighted[t] = Lanes::Zero();
  for (int group = 0; group < Format::kGroups; ++group) {
    const int8_t* q[kTokens];
    Lanes::Int dot[kTokens];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      q[t] = a[t]->q + 4 * kDwords * group;
      dot[t] = StartSum<Format::kOffsetBits>(Format::kGroups == 8 ? &a[t]->negated_sum32[group]
                                                                  : &a[t]->negated_sum);
    }
    for (int i = 0; i < kDwords; i += kDwords < 8 ? kDwords : 8) {
      constexpr int kStep = kDwords < 8 ? kDwords : 8;
      DotTile<Format::kWide, kStep, kTokens>(block.weights + group * kDwords + i, q, dot);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) q[t] += 4 * kStep;
    }
    const Lanes::Float scale = Lanes::LoadFloat(block.scale[group]);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      weighted[t] = Lanes::MulAdd(Lanes::FromInt(dot[t]), scale, weighted[t]);
    }
  }
}

template <typename Format, int kTokens>
void MultiplyTile(const PanelBlock256<Format::kGroups, Format::kMinimums>* panel, size_t blocks,
                  const std::byte* const* rows, size_t offset, float* sums) {
  const ActivationBlock256* a[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    a[t] = reinterpret_cast<const ActivationBlock256*>(rows[t] + offset);
  }
  for (size_t b = 0; b < blocks; ++b) {
    const auto& block = panel[b];
    Lanes::Float weighted[kTokens];
    DotGroups<Format, kTokens>(block, a, weighted);
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      if constexpr (Format::kMinimums > 0) {
        Lanes::Int dot = Lanes::Set(0);
        const int16_t* group_sums = Format::kMinimums == 8 ? a[t]->sum32 : a[t]->sum16;
#pragma GCC unroll 8
        for (int i = 0; i < Format::kMinimums / 2; ++i) {
          dot = Lanes::DotPairs(dot, Lanes::Load(block.minimum[i]),
                                Lanes::Broadcast(group_sums + 2 * i));
        }
        weighted[t] = Lanes::NegativeMulAdd(Lanes::LoadFloat(block.minimum_scale),
                                            Lanes::FromInt(dot), weighted[t]);
      }
      float* sum = sums + t * Lanes::kCount;
      Lanes::StoreFloat(
          sum, Lanes::MulAdd(weighted[t], Lanes::BroadcastFloat(&a[t]->d), Lanes::LoadFloat(sum)));
      ++a[t];
    }
  }
}

template <typename Format, int kTokens>
void MultiplyTokens(const typename Format::Panel* panel, size_t blocks,
                    const std::byte* const* rows, size_t tokens, size_t offset, float* sums) {
  size_t t = 0;
  for (; t + kTokens <= tokens; t += kTokens) {
    MultiplyTile<Format, kTokens>(panel, blocks, rows + t, offset, sums + t * Lanes::kCount);
  }
  if constexpr (kTokens > 1) {
    if (t < tokens) {
      MultiplyTokens<Format, kTokens / 2>(panel, blocks, rows + t, tokens - t, offset,
                                          sums + t * Lanes::kCount);
    }
  }
}

// Columns are taken in chunks whose unpacked form stays in the first-level cache.
template <typename Format>
void RunPanel(const PanelCall& call) {
  using Panel = typename Format::Panel;
  using Activation = typename Format::Activation;
  constexpr size_t kChunkBytes = 12 * 1024;
  static_assert(kChunkBytes <= kPanelScratchBytes);
  constexpr size_t kChunk = kChunkBytes / sizeof(Panel);
  Panel* panel = reinterpret_cast<Panel*>(call.scratch);
  const size_t blocks = call.columns / Format::Block::kValues;
  for (size_t i = 0; i < call.tokens * Lanes::kCount; i += Lanes::kCount) {
    Lanes::StoreFloat(call.sums + i, Lanes::Zero());
  }
  const size_t slice = call.prefetch_bytes / blocks;
  for (size_t begin = 0; begin < blocks; begin += kChunk) {
    const size_t count = blocks - begin < kChunk ? blocks - begin : kChunk;
    for (size_t b = 0; b < count; ++b) {
      // A little at a time: a burst would keep the loads below waiting.
      Prefetch(call.prefetch + (begin + b) * slice, slice);
      Format::Unpack(call.weights + (begin + b) * sizeof(typename Format::Block), call.row_bytes,
                     panel[b]);
    }
    MultiplyTokens<Format, Lanes::kTokenTile>(panel, count, call.activations, call.tokens,
                                              begin * sizeof(Activation), call.sums);
  }
}

}  // namespace
}  // namespace moira::quant
