#pragma once

// The kernels of HostKernels, written once over lanes.h. Included by one file per instruction set,
// and by nothing else; see lanes.h for why all of it has internal linkage.

#include <cmath>

#include "engine/model/host_kernels.h"
#include "engine/model/lanes.h"

namespace moira::engine {
namespace {

// How many rows (queries, tokens) share the loads of one inner loop: as many as leave its sums in
// registers.
constexpr size_t kRowBlock = kNativeLanes == 16 ? 4 : kNativeLanes == 8 ? 2 : 1;
constexpr size_t kPageLanes = kKvPageTokens / kLanes;
static_assert(kKvPageTokens % kLanes == 0);

// One query row on its way through the pages: a softmax that is corrected whenever a page brings a
// new maximum (Milakov and Gimelshein, arXiv 1805.02867).
struct AttentionRow {
  const float* query;
  float* output;   // [value_size], not divided by `sum` yet
  float* maximum;  // of the scores so far
  float* sum;      // of exp(score - maximum)
  uint32_t keys;   // how many of this page it sees
};

template <bool kHalf>
inline Lanes LoadElements(const std::byte* base, size_t index) {
  if constexpr (kHalf) {
    return LoadHalf(reinterpret_cast<const uint16_t*>(base) + index);
  } else {
    return Load(reinterpret_cast<const float*>(base) + index);
  }
}

template <bool kHalf>
inline float LoadElement(const std::byte* base, size_t index) {
  if constexpr (kHalf) {
    uint16_t padded[kLanes] = {reinterpret_cast<const uint16_t*>(base)[index]};
    return LoadHalf(padded).part[0][0];
  } else {
    return reinterpret_cast<const float*>(base)[index];
  }
}

// Scores of the page's keys, turned into weights; the row's maximum and sum take them in. Returns
// what the row's output so far must be multiplied by.
inline float UpdateSoftmax(const AttentionRow& row, const Lanes* scores, float scale,
                           float* weights) {
  Lanes scaled[kPageLanes];
  Lanes largest = Broadcast(-INFINITY);
  for (size_t i = 0; i < kPageLanes; ++i) {
    scaled[i] = scores[i] * Broadcast(scale);
    const size_t first = i * kLanes;
    const size_t seen = row.keys > first ? row.keys - first : 0;
    if (seen < kLanes) scaled[i] = KeepFirst(scaled[i], seen, -INFINITY);
    largest = Max(largest, scaled[i]);
  }
  const float page_maximum = Largest(largest);
  const float maximum = page_maximum > *row.maximum ? page_maximum : *row.maximum;
  Lanes total = Broadcast(0);
  for (size_t i = 0; i < kPageLanes; ++i) {
    const size_t first = i * kLanes;
    const size_t seen = row.keys > first ? row.keys - first : 0;
    Lanes weight = Exp(scaled[i] - Broadcast(maximum));
    if (seen < kLanes) weight = KeepFirst(weight, seen, 0);
    Store(weights + first, weight);
    total = total + weight;
  }
  const float correction = Exp(Broadcast(*row.maximum - maximum)).part[0][0];
  *row.maximum = maximum;
  *row.sum = *row.sum * correction + Sum(total);
  return correction;
}

// output = output * correction + weights . values, for kColumns * kLanes columns of kRows rows.
template <bool kHalf, size_t kRows, size_t kColumns>
inline void AddValues(const AttentionRow* rows, const std::byte* values, size_t value_size,
                      size_t column, const float (*weights)[kKvPageTokens],
                      const float* corrections) {
  Lanes sums[kRows][kColumns];
  uint32_t common = rows[0].keys;
  for (size_t r = 0; r < kRows; ++r) {
    if (rows[r].keys < common) common = rows[r].keys;
    for (size_t c = 0; c < kColumns; ++c) {
      sums[r][c] = Load(rows[r].output + column + c * kLanes) * Broadcast(corrections[r]);
    }
  }
  for (size_t key = 0; key < common; ++key) {
    Lanes value[kColumns];
    for (size_t c = 0; c < kColumns; ++c) {
      value[c] = LoadElements<kHalf>(values, key * value_size + column + c * kLanes);
    }
    for (size_t r = 0; r < kRows; ++r) {
      const Lanes weight = Broadcast(weights[r][key]);
      for (size_t c = 0; c < kColumns; ++c) sums[r][c] = MulAdd(weight, value[c], sums[r][c]);
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    // Keys that only later tokens' rows see are not even multiplied by 0: they may be infinite.
    for (size_t key = common; key < rows[r].keys; ++key) {
      for (size_t c = 0; c < kColumns; ++c) {
        const Lanes value = LoadElements<kHalf>(values, key * value_size + column + c * kLanes);
        sums[r][c] = MulAdd(Broadcast(weights[r][key]), value, sums[r][c]);
      }
    }
    for (size_t c = 0; c < kColumns; ++c) Store(rows[r].output + column + c * kLanes, sums[r][c]);
  }
}

template <bool kHalf>
inline void AddValueTail(const AttentionRow& row, const std::byte* values, size_t value_size,
                         size_t column, const float* weights, float correction) {
  for (; column < value_size; ++column) {
    float sum = row.output[column] * correction;
    for (size_t key = 0; key < row.keys; ++key) {
      sum += weights[key] * LoadElement<kHalf>(values, key * value_size + column);
    }
    row.output[column] = sum;
  }
}

template <bool kHalf, size_t kRows>
inline void AttendPage(const AttentionTask& task, const std::byte* page, const AttentionRow* rows) {
  const std::byte* const keys = page + task.key_offset;
  const std::byte* const values = page + task.value_offset;
  Lanes scores[kRows][kPageLanes] = {};
  for (size_t d = 0; d < task.key_size; ++d) {
    Lanes key[kPageLanes];
    for (size_t i = 0; i < kPageLanes; ++i) {
      key[i] = LoadElements<kHalf>(keys, d * kKvPageTokens + i * kLanes);
    }
    for (size_t r = 0; r < kRows; ++r) {
      const Lanes query = Broadcast(rows[r].query[d]);
      for (size_t i = 0; i < kPageLanes; ++i) {
        scores[r][i] = MulAdd(query, key[i], scores[r][i]);
      }
    }
  }
  float weights[kRows][kKvPageTokens];
  float corrections[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    corrections[r] = UpdateSoftmax(rows[r], scores[r], task.scale, weights[r]);
  }
  size_t column = 0;
  for (; column + 2 * kLanes <= task.value_size; column += 2 * kLanes) {
    AddValues<kHalf, kRows, 2>(rows, values, task.value_size, column, weights, corrections);
  }
  for (; column + kLanes <= task.value_size; column += kLanes) {
    AddValues<kHalf, kRows, 1>(rows, values, task.value_size, column, weights, corrections);
  }
  for (size_t r = 0; r < kRows; ++r) {
    AddValueTail<kHalf>(rows[r], values, task.value_size, column, weights[r], corrections[r]);
  }
}

inline AttentionRow MakeRow(const AttentionTask& task, size_t row, uint32_t page_begin) {
  const size_t token = row / task.heads;
  const size_t head = row % task.heads;
  const uint32_t seen = task.first_position + static_cast<uint32_t>(token) + 1;
  const uint32_t left = seen > page_begin ? seen - page_begin : 0;
  return {task.queries + token * task.query_stride + head * task.key_size,
          task.output + token * task.output_stride + head * task.value_size, task.scratch + 2 * row,
          task.scratch + 2 * row + 1, left < kKvPageTokens ? left : kKvPageTokens};
}

template <bool kHalf>
void AttendAllPages(const AttentionTask& task) {
  const size_t row_count = size_t{task.tokens} * task.heads;
  for (size_t row = 0; row < row_count; ++row) {
    const AttentionRow state = MakeRow(task, row, 0);
    *state.maximum = -INFINITY;
    *state.sum = 0;
    for (size_t c = 0; c < task.value_size; ++c) state.output[c] = 0;
  }
  const uint32_t end = task.first_position + task.tokens;
  for (uint32_t begin = 0; begin < end; begin += kKvPageTokens) {
    const std::byte* const page = task.pages[begin / kKvPageTokens];
    // Rows of tokens before this page have nothing to do with it.
    size_t row = begin > task.first_position ? size_t{begin - task.first_position} * task.heads : 0;
    for (; row < row_count;) {
      AttentionRow rows[kRowBlock];
      const size_t count = row_count - row < kRowBlock ? 1 : kRowBlock;
      for (size_t r = 0; r < count; ++r) rows[r] = MakeRow(task, row + r, begin);
      if (count == kRowBlock) {
        AttendPage<kHalf, kRowBlock>(task, page, rows);
      } else {
        AttendPage<kHalf, 1>(task, page, rows);
      }
      row += count;
    }
  }
  for (size_t row = 0; row < row_count; ++row) {
    const AttentionRow state = MakeRow(task, row, 0);
    const float factor = 1.0f / *state.sum;
    for (size_t c = 0; c < task.value_size; ++c) state.output[c] *= factor;
  }
}

void Attend(const AttentionTask& task) {
  if (task.half) {
    AttendAllPages<true>(task);
  } else {
    AttendAllPages<false>(task);
  }
}

// Dot products of one weight row with kTokens input rows. Each has two sums, of even and odd runs
// of kLanes columns, whatever kTokens is.
template <size_t kTokens>
inline void MultiplyRow(const RowProducts& products, size_t row, size_t token) {
  const float* const weights = products.weights + row * products.columns;
  const float* const input = products.input + token * products.columns;
  Lanes even[kTokens] = {};
  Lanes odd[kTokens] = {};
  size_t c = 0;
  for (; c + 2 * kLanes <= products.columns; c += 2 * kLanes) {
    const Lanes first = Load(weights + c);
    const Lanes second = Load(weights + c + kLanes);
    for (size_t t = 0; t < kTokens; ++t) {
      const float* const values = input + t * products.columns + c;
      even[t] = MulAdd(first, Load(values), even[t]);
      odd[t] = MulAdd(second, Load(values + kLanes), odd[t]);
    }
  }
  for (size_t t = 0; t < kTokens; ++t) {
    float sum = Sum(even[t] + odd[t]);
    for (size_t tail = c; tail < products.columns; ++tail) {
      sum += weights[tail] * input[t * products.columns + tail];
    }
    products.output[(token + t) * products.output_stride + row] = sum;
  }
}

void Multiply(const RowProducts& products) {
  for (size_t row = 0; row < products.rows; ++row) {
    size_t token = 0;
    for (; token + kRowBlock <= products.tokens; token += kRowBlock) {
      MultiplyRow<kRowBlock>(products, row, token);
    }
    for (; token < products.tokens; ++token) MultiplyRow<1>(products, row, token);
  }
}

void Combine(float* residual, const float* const* parts, const float* weights, size_t count,
             size_t width) {
  size_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    Lanes sum = Broadcast(0);
    for (size_t p = 0; p < count; ++p) {
      sum = MulAdd(Broadcast(weights[p]), Load(parts[p] + c), sum);
    }
    Store(residual + c, Load(residual + c) + sum);
  }
  for (; c < width; ++c) {
    float sum = 0;
    for (size_t p = 0; p < count; ++p) sum += weights[p] * parts[p][c];
    residual[c] += sum;
  }
}

void Normalize(const float* input, const float* gain, float epsilon, float* output, size_t width) {
  Lanes squares = Broadcast(0);
  size_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    squares = MulAdd(Load(input + c), Load(input + c), squares);
  }
  float sum = Sum(squares);
  for (size_t tail = c; tail < width; ++tail) sum += input[tail] * input[tail];
  const float factor = 1.0f / __builtin_sqrtf(sum / static_cast<float>(width) + epsilon);
  for (c = 0; c + kLanes <= width; c += kLanes) {
    Store(output + c, Load(input + c) * Broadcast(factor) * Load(gain + c));
  }
  for (; c < width; ++c) output[c] = input[c] * factor * gain[c];
}

constexpr HostKernels kSimdKernels = {Attend, Multiply, Combine, Normalize};

}  // namespace
}  // namespace moira::engine
