#include "engine/model/expert_layout.h"

#include <array>
#include <map>
#include <string>

#include "engine/model/tensor_check.h"

namespace moira::engine {
namespace {

// Parts of a record start on cache lines, so that kernels' wide loads of block types whose size
// allows it do not straddle two.
constexpr uint64_t kPartAlignment = 64;

uint64_t AlignUp(uint64_t value) {
  return (value + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
}

// Bytes of one expert in a tensor of all of them: the tensor lies inside its file, so nothing here
// overflows.
uint64_t BytesPerExpert(const format::TensorInfo& tensor) { return tensor.bytes / tensor.shape[2]; }

void AddPart(const format::TensorInfo& tensor, cache::LayerRecords& records) {
  const uint64_t offset = AlignUp(records.record_bytes);
  const uint64_t bytes = BytesPerExpert(tensor);
  records.parts.push_back({tensor.file, tensor.offset, bytes, bytes, offset});
  records.record_bytes = offset + bytes;
}

LayerExperts LayOut(const ExpertTensors& tensors, const ModelConfig& config, uint32_t layer) {
  LayerExperts experts;
  experts.records = {layer, config.experts, 0, 0, {}};
  for (const format::TensorInfo* tensor : tensors.All()) AddPart(*tensor, experts.records);
  const auto part = [&](const format::TensorInfo& tensor, uint64_t rows, uint64_t offset) {
    return ExpertLayout::Part{tensor.type, rows, tensor.row_elements(), offset};
  };
  const std::vector<cache::RecordPart>& parts = experts.records.parts;
  ExpertLayout& layout = experts.layout;
  if (tensors.gate_up != nullptr) {
    layout.gate = part(*tensors.gate_up, config.expert_width, parts[0].record_offset);
    layout.up = layout.gate;
    layout.up.offset += parts[0].bytes / 2;
  } else {
    layout.gate = part(*tensors.gate, config.expert_width, parts[0].record_offset);
    layout.up = part(*tensors.up, config.expert_width, parts[1].record_offset);
  }
  layout.down = part(*tensors.down, config.model_width, parts.back().record_offset);
  return experts;
}

// What must be equal for two layers to share slots: shapes are the same in all layers of a model,
// so types and the fusion decide.
using ClassKey = std::array<uint32_t, 4>;

ClassKey KeyOf(const ExpertTensors& tensors) {
  const format::TensorInfo* gate = tensors.gate_up != nullptr ? tensors.gate_up : tensors.gate;
  const format::TensorInfo* up = tensors.gate_up != nullptr ? tensors.gate_up : tensors.up;
  return {static_cast<uint32_t>(gate->type), static_cast<uint32_t>(up->type),
          static_cast<uint32_t>(tensors.down->type), tensors.gate_up != nullptr};
}

}  // namespace

std::vector<const format::TensorInfo*> ExpertTensors::All() const {
  if (gate_up != nullptr) return {gate_up, down};
  return {gate, up, down};
}

Result<ExpertTensors> FindExpertTensors(const format::Gguf& gguf, const ModelConfig& config,
                                        uint32_t layer) {
  const uint64_t width = config.model_width;
  const uint64_t expert_width = config.expert_width;
  const uint64_t experts = config.experts;
  const auto name = [&](const char* suffix) { return BlockTensorName(layer, suffix); };
  ExpertTensors tensors;
  MOIRA_ASSIGN_OR_RETURN(tensors.gate_up, FindTensor(gguf, name("ffn_gate_up_exps.weight"),
                                                     {width, 2 * expert_width, experts}));
  if (tensors.gate_up == nullptr) {
    MOIRA_ASSIGN_OR_RETURN(tensors.gate, RequireTensor(gguf, name("ffn_gate_exps.weight"),
                                                       {width, expert_width, experts}));
    MOIRA_ASSIGN_OR_RETURN(tensors.up, RequireTensor(gguf, name("ffn_up_exps.weight"),
                                                     {width, expert_width, experts}));
  }
  MOIRA_ASSIGN_OR_RETURN(tensors.down, RequireTensor(gguf, name("ffn_down_exps.weight"),
                                                     {expert_width, width, experts}));
  return tensors;
}

Result<std::vector<LayerExperts>> LayOutExperts(const format::Gguf& gguf,
                                                const ModelConfig& config) {
  std::vector<LayerExperts> layers;
  std::map<ClassKey, uint32_t> classes;
  for (uint32_t i = 0; i < config.layers; ++i) {
    if (!config.layer[i].moe) continue;
    MOIRA_ASSIGN_OR_RETURN(ExpertTensors tensors, FindExpertTensors(gguf, config, i));
    LayerExperts experts = LayOut(tensors, config, i);
    const uint32_t next_class = static_cast<uint32_t>(classes.size());
    experts.records.layout_class = classes.try_emplace(KeyOf(tensors), next_class).first->second;
    layers.push_back(std::move(experts));
  }
  return layers;
}

}  // namespace moira::engine
