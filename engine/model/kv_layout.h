#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/model/executor.h"
#include "engine/model/model_config.h"

namespace moira::engine {

// How a KV page is laid out. For each layer in turn, and in it for each KV head:
//   keys   [key_size][kKvPageTokens]    transposed: one value of all the page's tokens side by
//   side,
//                                       so that a query meets as many keys as a register has lanes
//   values [kKvPageTokens][value_size]
// Elements are F16 or F32. Keys lie there rotated.
class KvLayout {
 public:
  KvLayout(const ModelConfig& config, KvType type)
      : type_(type),
        element_bytes_(type == KvType::kF16 ? 2 : 4),
        key_bytes_(uint64_t{config.key_size} * kKvPageTokens * element_bytes_),
        head_bytes_(key_bytes_ + uint64_t{config.value_size} * kKvPageTokens * element_bytes_),
        layer_bytes_(head_bytes_ * config.kv_heads),
        page_bytes_(layer_bytes_ * config.layers) {}

  KvType type() const { return type_; }
  uint64_t page_bytes() const { return page_bytes_; }
  // Offset of a head's keys in a page; its values follow them.
  uint64_t KeyOffset(uint32_t layer, uint32_t kv_head) const {
    return layer * layer_bytes_ + kv_head * head_bytes_;
  }
  uint64_t ValueOffset(uint32_t layer, uint32_t kv_head) const {
    return KeyOffset(layer, kv_head) + key_bytes_;
  }

 private:
  KvType type_;
  uint64_t element_bytes_;
  uint64_t key_bytes_;
  uint64_t head_bytes_;
  uint64_t layer_bytes_;
  uint64_t page_bytes_;
};

}  // namespace moira::engine
