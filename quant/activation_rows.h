#pragma once

#include <cstddef>

#include "quant/kernels.h"
#include "quant/panel_worker.h"

namespace moira::quant {

// Bytes of an activation row of `columns` values in a form.
size_t ActivationRowBytes(ActivationForm form, size_t columns);

// Rounds one row to `form`, which is not kFloat.
void QuantizeRow(const KernelTable& table, ActivationForm form, const float* values, size_t columns,
                 std::byte* row);

// Rows of floats together with their rounded forms, each made when it is first asked for. Does not
// own the floats. Used by the engine thread; rows may be read by all once prepared.
class ActivationRows {
 public:
  explicit ActivationRows(const KernelTable& table) : table_(table) {}

  // values: row-major [rows, columns], valid until the next Set.
  void Set(const float* values, size_t rows, size_t columns);
  void Prepare(ActivationForm form, ThreadPool& pool);
  const std::byte* Row(ActivationForm form, size_t row) const;

  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }

 private:
  struct Form {
    Scratch memory;
    const std::byte* data = nullptr;
    bool ready = false;
  };

  const KernelTable& table_;
  const float* values_ = nullptr;
  size_t rows_ = 0;
  size_t columns_ = 0;
  Form forms_[kActivationForms];
};

}  // namespace moira::quant
