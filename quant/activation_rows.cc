#include "quant/activation_rows.h"

#include "quant/activation_blocks.h"

namespace moira::quant {
namespace {

// Fewer values than this are rounded faster than the workers are woken.
constexpr size_t kParallelValues = 32 * 1024;

}  // namespace

size_t ActivationRowBytes(ActivationForm form, size_t columns) {
  switch (form) {
    case ActivationForm::kFloat:
      return columns * sizeof(float);
    case ActivationForm::kBlock32:
      return columns / 32 * sizeof(ActivationBlock32);
    case ActivationForm::kBlock256:
      return columns / 256 * sizeof(ActivationBlock256);
  }
  return 0;
}

void QuantizeRow(const KernelTable& table, ActivationForm form, const float* values, size_t columns,
                 std::byte* row) {
  const QuantizeFunction quantize =
      form == ActivationForm::kBlock32 ? table.quantize_block32 : table.quantize_block256;
  quantize(values, columns, row);
}

void ActivationRows::Set(const float* values, size_t rows, size_t columns) {
  values_ = values;
  rows_ = rows;
  columns_ = columns;
  for (Form& form : forms_) form.ready = false;
}

void ActivationRows::Prepare(ActivationForm form, ThreadPool& pool) {
  Form& target = forms_[static_cast<int>(form)];
  if (target.ready) return;
  target.ready = true;
  if (form == ActivationForm::kFloat) {
    target.data = reinterpret_cast<const std::byte*>(values_);
    return;
  }
  const size_t row_bytes = ActivationRowBytes(form, columns_);
  std::byte* data = target.memory.Reserve(rows_ * row_bytes);
  target.data = data;
  const auto quantize = [&](size_t row, unsigned) {
    QuantizeRow(table_, form, values_ + row * columns_, columns_, data + row * row_bytes);
  };
  if (rows_ * columns_ >= kParallelValues) {
    pool.ParallelFor(rows_, quantize);
  } else {
    for (size_t row = 0; row < rows_; ++row) quantize(row, 0);
  }
}

const std::byte* ActivationRows::Row(ActivationForm form, size_t row) const {
  return forms_[static_cast<int>(form)].data + row * ActivationRowBytes(form, columns_);
}

}  // namespace moira::quant
