#include "engine/model/kv_layout.h"

#include <gtest/gtest.h>

#include <map>

namespace moira::engine {
namespace {

// Keys and values of all layers and heads fill a page without gaps or overlaps.
TEST(KvLayoutTest, PartsTileThePage) {
  ModelConfig config;
  config.layers = 3;
  config.kv_heads = 2;
  config.key_size = 16;
  config.value_size = 24;
  for (const auto& [type, element] : {std::pair{KvType::kF16, 2u}, {KvType::kF32, 4u}}) {
    const KvLayout layout(config, type);
    std::map<uint64_t, uint64_t> parts;  // begin -> end
    for (uint32_t layer = 0; layer < 3; ++layer) {
      for (uint32_t head = 0; head < 2; ++head) {
        const uint64_t key = layout.KeyOffset(layer, head);
        const uint64_t value = layout.ValueOffset(layer, head);
        parts[key] = key + uint64_t{16} * kKvPageTokens * element;
        parts[value] = value + uint64_t{24} * kKvPageTokens * element;
      }
    }
    uint64_t end = 0;
    for (const auto& [begin, part_end] : parts) {
      EXPECT_EQ(begin, end);
      end = part_end;
    }
    EXPECT_EQ(end, layout.page_bytes());
    EXPECT_EQ(end, KvPageBytes(config, type));
  }
}

}  // namespace
}  // namespace moira::engine
