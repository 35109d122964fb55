#pragma once

#include <cstdint>
#include <vector>

#include "cache/device/status.h"
#include "cache/expert_record.h"
#include "cache/format/gguf.h"
#include "engine/model/model_config.h"
#include "quant/matrix.h"

namespace moira::engine {

// The tensors that hold the routed experts of one block: either gate and up, or both in one, gate
// rows first.
struct ExpertTensors {
  const format::TensorInfo* gate = nullptr;
  const format::TensorInfo* up = nullptr;
  const format::TensorInfo* gate_up = nullptr;  // instead of the two above
  const format::TensorInfo* down = nullptr;

  // Those that are there, in the order in which they lie in a record.
  std::vector<const format::TensorInfo*> All() const;
};

Result<ExpertTensors> FindExpertTensors(const format::Gguf& gguf, const ModelConfig& config,
                                        uint32_t layer);

// Where the matrices lie in an expert's record.
struct ExpertLayout {
  struct Part {
    format::TensorType type;
    uint64_t rows, columns;
    uint64_t offset;  // in the record

    quant::MatrixView View(const std::byte* record) const {
      return {type, record + offset, rows, columns};
    }
  };
  Part gate, up, down;
};

// The records of one MoE block and how to look into them.
struct LayerExperts {
  cache::LayerRecords records;
  ExpertLayout layout;
};

// Of all MoE blocks, in the order of the blocks.
Result<std::vector<LayerExperts>> LayOutExperts(const format::Gguf& gguf,
                                                const ModelConfig& config);

}  // namespace moira::engine
