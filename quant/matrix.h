#pragma once

#include <cstddef>
#include <cstdint>

#include "cache/format/tensor_type.h"

namespace moira::quant {

// A weight matrix as it lies in the file: `rows` rows (outputs) of `columns` values (inputs), each
// row whole blocks of `type`, rows contiguous. Does not own; 16-byte alignment is not promised.
struct MatrixView {
  format::TensorType type = format::TensorType::kF32;
  const std::byte* data = nullptr;
  uint64_t rows = 0;
  uint64_t columns = 0;

  uint64_t row_bytes() const { return *format::RowBytes(type, columns); }
  // Rows [begin, begin + count) as a matrix of their own.
  MatrixView Rows(uint64_t begin, uint64_t count) const {
    return {type, data + begin * row_bytes(), count, columns};
  }
};

}  // namespace moira::quant
