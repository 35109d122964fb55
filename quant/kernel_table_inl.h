#pragma once

#include "quant/activation_inl.h"
#include "quant/float_panel_inl.h"
#include "quant/panel_inl.h"
#include "quant/unpack_inl.h"

namespace moira::quant {
namespace {

template <typename Format>
constexpr PanelKernel IntegerPanel(format::TensorType type) {
  return {type, Format::kForm, &RunPanel<Format>};
}

template <typename Weight>
constexpr PanelKernel FloatPanel(format::TensorType type) {
  return {type, ActivationForm::kFloat, &RunFloatPanel<Weight>};
}

constexpr KernelTable MakeKernelTable(InstructionSet set) {
  using Type = format::TensorType;
  return {
      set,
      Lanes::kCount,
      {
          FloatPanel<float>(Type::kF32),
          FloatPanel<Lanes::Half>(Type::kF16),
          FloatPanel<Lanes::Bfloat16>(Type::kBF16),
          IntegerPanel<FormatQ4_0>(Type::kQ4_0),
          IntegerPanel<FormatQ4_1>(Type::kQ4_1),
          IntegerPanel<FormatQ5_0>(Type::kQ5_0),
          IntegerPanel<FormatQ5_1>(Type::kQ5_1),
          IntegerPanel<FormatQ8_0>(Type::kQ8_0),
          IntegerPanel<FormatQ2_K>(Type::kQ2_K),
          IntegerPanel<FormatQ3_K>(Type::kQ3_K),
          IntegerPanel<FormatQ4_K>(Type::kQ4_K),
          IntegerPanel<FormatQ5_K>(Type::kQ5_K),
          IntegerPanel<FormatQ6_K>(Type::kQ6_K),
          IntegerPanel<FormatIQ4_NL>(Type::kIQ4_NL),
          IntegerPanel<FormatIQ4_XS>(Type::kIQ4_XS),
          IntegerPanel<FormatMXFP4>(Type::kMXFP4),
      },
      &QuantizeBlock32,
      &QuantizeBlock256,
      &SwiGlu,
  };
}

}  // namespace
}  // namespace moira::quant
