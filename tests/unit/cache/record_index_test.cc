#include "cache/record_index.h"

#include <gtest/gtest.h>

#include "tests/unit/cache/record_files.h"

namespace moira::cache {
namespace {

TEST(RecordIndexTest, NumbersRecordsByLayerThenExpert) {
  const RecordFiles records({3, 2, 4}, {0, 1, 0});
  const Result<RecordIndex> index = RecordIndex::Create(records.layers(), records.files());
  ASSERT_TRUE(index.ok()) << index.status().message();
  EXPECT_EQ(index->records(), 9u);
  EXPECT_EQ(index->classes(), 2u);
  RecordId record = 0;
  uint64_t bytes = 0;
  for (size_t ordinal = 0; ordinal < 3; ++ordinal) {
    const LayerRecords& layer = records.layers()[ordinal];
    EXPECT_EQ(index->FindOrdinal(layer.layer), ordinal);
    EXPECT_EQ(index->first_record(ordinal), record);
    for (uint32_t expert = 0; expert < layer.experts; ++expert, ++record) {
      EXPECT_EQ(index->key(record), (ExpertKey{layer.layer, expert}));
      EXPECT_EQ(index->ordinal(record), ordinal);
      EXPECT_EQ(index->layout_class(record), layer.layout_class);
      EXPECT_EQ(index->record_bytes(record), layer.record_bytes);
      bytes += index->slot_bytes(layer.layout_class);
    }
    EXPECT_EQ(index->slot_bytes(layer.layout_class) % kRecordAlignment, 0u);
    EXPECT_LT(index->slot_bytes(layer.layout_class) - layer.record_bytes, kRecordAlignment);
  }
  EXPECT_EQ(index->total_bytes(), bytes);
  EXPECT_EQ(index->FindOrdinal(0), std::nullopt);
  EXPECT_EQ(index->FindOrdinal(2), std::nullopt);
  EXPECT_EQ(index->FindOrdinal(6), std::nullopt);
}

TEST(RecordIndexTest, PartMayEndWhereItsFileEnds) {
  const RecordFiles records({3}, {0});
  std::vector<LayerRecords> layers = records.layers();
  RecordPart& part = layers[0].parts[0];
  part.stride = part.bytes;
  part.offset = records.files()[part.file].size() - 3 * part.bytes;
  EXPECT_TRUE(RecordIndex::Create(layers, records.files()).ok());
  ++part.offset;
  EXPECT_EQ(RecordIndex::Create(layers, records.files()).status().code(), StatusCode::kInvalidData);
}

TEST(RecordIndexTest, RefusesWhatLeavesFileOrRecord) {
  const RecordFiles records({3, 3}, {0, 1});
  struct Case {
    const char* what;
    void (*damage)(std::vector<LayerRecords>&);
  };
  const Case cases[] = {
      {"file", [](auto& l) { l[0].parts[1].file = 2; }},
      {"offset", [](auto& l) { l[1].parts[0].offset = UINT64_MAX; }},
      {"stride", [](auto& l) { l[1].parts[0].stride = UINT64_MAX / 2 + 1; }},
      {"bytes", [](auto& l) { l[0].parts[2].bytes = UINT64_MAX; }},
      {"record offset", [](auto& l) { l[0].parts[2].record_offset += 1; }},
      {"record offset wraps", [](auto& l) { l[0].parts[2].record_offset = UINT64_MAX; }},
      {"record size", [](auto& l) { l[0].record_bytes = UINT64_MAX; }},
      {"empty record", [](auto& l) { l[0].record_bytes = 0; }},
      {"no experts", [](auto& l) { l[0].experts = 0; }},
      {"order", [](auto& l) { std::swap(l[0].layer, l[1].layer); }},
      {"class without the one before", [](auto& l) { l[1].layout_class = 2; }},
      {"two sizes in a class", [](auto& l) { l[1].layout_class = 0; }},
      {"total", [](auto& l) { l[0].parts.clear(), l[0].record_bytes = UINT64_MAX / 2; }},
      {"experts", [](auto& l) { l[0].parts.clear(), l[0].experts = UINT32_MAX; }},
  };
  for (const Case& each : cases) {
    std::vector<LayerRecords> layers = records.layers();
    each.damage(layers);
    const Status status = RecordIndex::Create(layers, records.files()).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidData) << each.what;
    EXPECT_NE(status.message().find("layer"), std::string::npos) << each.what;
  }
}

TEST(RecordIndexTest, ModelWithoutExpertsIsEmpty) {
  const Result<RecordIndex> index = RecordIndex::Create({}, {});
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(index->records(), 0u);
  EXPECT_EQ(index->FindOrdinal(0), std::nullopt);
}

}  // namespace
}  // namespace moira::cache
