#pragma once

#include "quant/kernels.h"
#include "quant/lanes.h"

// Kernels for F32, F16 and BF16 weights: products and sums in F32. Here lanes are 16 neighbouring
// columns, each with its own sum, added up at the end.
namespace moira::quant {
namespace {

inline constexpr int kParts = 16 / Lanes::kCount;

// The last columns of a row, padded with zeros to 16.
template <typename T>
struct Tail {
  T values[16] = {};
  Tail(const T* source, size_t count) {
    __builtin_memcpy(static_cast<void*>(values), source, count * sizeof(T));
  }
};

// sums[t][r] += for 16 columns that begin at w[r] and x[t].
template <int kRows, int kTokens, typename Weight>
inline void AddProducts(const Weight* const* w, const float* const* x, size_t column,
                        Lanes::Float (*sums)[kRows][kParts]) {
#pragma GCC unroll 4
  for (int p = 0; p < kParts; ++p) {
    Lanes::Float values[kTokens];
#pragma GCC unroll 8
    for (int t = 0; t < kTokens; ++t) {
      values[t] = Lanes::LoadFloat(x[t] + column + p * Lanes::kCount);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Lanes::Float weight = Lanes::LoadWeights(w[r] + column + p * Lanes::kCount);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        sums[t][r][p] = Lanes::MulAdd(weight, values[t], sums[t][r][p]);
      }
    }
  }
}

template <int kRows, int kTokens, typename Weight>
void AddTail(const Weight* const* w, const float* const* x, size_t column, size_t count,
             Lanes::Float (*sums)[kRows][kParts]) {
  for (int r = 0; r < kRows; ++r) {
    const Tail<Weight> weights(w[r] + column, count);
    for (int t = 0; t < kTokens; ++t) {
      const Tail<float> values(x[t] + column, count);
      const Weight* const one_row[1] = {weights.values};
      const float* const one_token[1] = {values.values};
      Lanes::Float sum[1][1][kParts];
      for (int p = 0; p < kParts; ++p) sum[0][0][p] = sums[t][r][p];
      AddProducts<1, 1>(one_row, one_token, 0, sum);
      for (int p = 0; p < kParts; ++p) sums[t][r][p] = sum[0][0][p];
    }
  }
}

template <int kRows, int kTokens, typename Weight>
void FloatTile(const PanelCall& call, int row, size_t token) {
  const Weight* w[kRows];
  const float* x[kTokens];
  for (int r = 0; r < kRows; ++r) {
    w[r] = reinterpret_cast<const Weight*>(call.weights +
                                           static_cast<size_t>(row + r) * call.row_bytes);
  }
  for (int t = 0; t < kTokens; ++t) {
    x[t] = reinterpret_cast<const float*>(call.activations[token + t]);
  }
  Lanes::Float sums[kTokens][kRows][kParts];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sums[t][r][p] = Lanes::Zero();
    }
  }
  size_t column = 0;
  for (; column + 16 <= call.columns; column += 16) {
    AddProducts<kRows, kTokens>(w, x, column, sums);
  }
  if (column < call.columns) {
    AddTail<kRows, kTokens>(w, x, column, call.columns - column, sums);
  }
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      call.sums[(token + t) * Lanes::kCount + row + r] = Lanes::SumOf16(sums[t][r]);
    }
  }
}

template <int kTokens, typename Weight>
void FloatTokens(const PanelCall& call, int row, size_t token) {
  for (; token + kTokens <= call.tokens; token += kTokens) {
    FloatTile<Lanes::kFloatRowTile, kTokens, Weight>(call, row, token);
  }
  if constexpr (kTokens > 1) FloatTokens<kTokens / 2, Weight>(call, row, token);
}

template <typename Weight>
void RunFloatPanel(const PanelCall& call) {
  static_assert(Lanes::kCount % Lanes::kFloatRowTile == 0);
  // Rows are read from end to end, which the processor foresees: nothing is prefetched.
  for (int row = 0; row < Lanes::kCount; row += Lanes::kFloatRowTile) {
    FloatTokens<Lanes::kFloatTokenTile, Weight>(call, row, 0);
  }
}

}  // namespace
}  // namespace moira::quant
