#include "engine/model/expert_layout.h"

#include <gtest/gtest.h>

#include "engine/model/executor.h"
#include "quant/dequantize.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace moira::engine {
namespace {

using testing::TempFolder;
using testing::TinyModel;
using testing::TinySpec;

// The record of one expert, put together as cache does it.
std::vector<std::byte> ReadRecord(const format::Gguf& gguf, const cache::LayerRecords& records,
                                  uint32_t expert) {
  std::vector<std::byte> record(records.record_bytes);
  for (const cache::RecordPart& part : records.parts) {
    EXPECT_TRUE(gguf.files()[part.file]
                    .ReadAt(part.offset + expert * part.stride,
                            std::span(record).subspan(part.record_offset, part.bytes))
                    .ok());
  }
  return record;
}

std::vector<float> Expand(const quant::MatrixView& view) {
  std::vector<float> values(view.rows * view.columns);
  quant::Dequantize(view.type, view.data, values);
  return values;
}

void ExpectSlice(const std::vector<float>& found, const std::vector<float>& all, size_t first) {
  ASSERT_LE(first + found.size(), all.size());
  EXPECT_TRUE(std::equal(found.begin(), found.end(), all.begin() + first));
}

TEST(ExpertLayoutTest, RecordsHoldTheExpertsMatrices) {
  for (const bool fused : {false, true}) {
    const TempFolder folder;
    const TinyModel model(TinySpec{.fused_gate_up = fused, .quantized = true});
    const format::Gguf gguf =
        *format::Gguf::Open(folder.Write("model.gguf", model.Writer().Bytes()));
    const Result<std::vector<LayerExperts>> layers = LayOutExperts(gguf, *ReadModelConfig(gguf));
    ASSERT_TRUE(layers.ok());
    ASSERT_EQ(layers->size(), 3u);
    for (const LayerExperts& layer : *layers) {
      EXPECT_EQ(layer.records.parts.size(), fused ? 2u : 3u);
      EXPECT_EQ(layer.records.layout_class, 0u);
      const std::string block = "blk." + std::to_string(layer.records.layer) + ".";
      const size_t size = 32 * 32;  // values of one matrix
      for (uint32_t e = 0; e < 8; ++e) {
        const std::vector<std::byte> record = ReadRecord(gguf, layer.records, e);
        const auto gate = Expand(layer.layout.gate.View(record.data()));
        const auto up = Expand(layer.layout.up.View(record.data()));
        if (fused) {
          const auto& both = model.tensor(block + "ffn_gate_up_exps.weight").values;
          ExpectSlice(gate, both, 2 * e * size);
          ExpectSlice(up, both, (2 * e + 1) * size);
        } else {
          ExpectSlice(gate, model.tensor(block + "ffn_gate_exps.weight").values, e * size);
          ExpectSlice(up, model.tensor(block + "ffn_up_exps.weight").values, e * size);
        }
        ExpectSlice(Expand(layer.layout.down.View(record.data())),
                    model.tensor(block + "ffn_down_exps.weight").values, e * size);
      }
    }
  }
}

TEST(ExpertLayoutTest, LayersOfOtherTypesGetAClassOfTheirOwn) {
  const TempFolder folder;
  TinyModel model(TinySpec{.quantized = true});
  model.tensor("blk.1.ffn_down_exps.weight").quantized = false;
  const format::Gguf gguf = *format::Gguf::Open(folder.Write("model.gguf", model.Writer().Bytes()));
  const auto records = DescribeExperts(gguf, *ReadModelConfig(gguf));
  ASSERT_TRUE(records.ok());
  EXPECT_EQ((*records)[0].layout_class, 0u);
  EXPECT_EQ((*records)[1].layout_class, 1u);
  EXPECT_EQ((*records)[2].layout_class, 0u);
  EXPECT_GT((*records)[1].record_bytes, (*records)[0].record_bytes);
}

TEST(ExpertLayoutTest, DenseBlocksAndModelsHaveNoRecords) {
  const TempFolder folder;
  for (const TinySpec& spec : testing::TinyFamilies()) {
    const format::Gguf gguf = *format::Gguf::Open(
        folder.Write(spec.architecture + ".gguf", TinyModel(spec).Writer().Bytes()));
    const auto records = DescribeExperts(gguf, *ReadModelConfig(gguf));
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->size(), spec.experts == 0 ? 0 : spec.layers - spec.dense_layers);
    if (!records->empty()) {
      EXPECT_EQ(records->front().layer, spec.dense_layers);
    }
  }
}

TEST(ExpertLayoutTest, PartsNameTheirFileOfASplitSet) {
  const std::string path =
      MOIRA_SOURCE_DIR "/../shared/models/qwen3moe-q8_0-split-00001-of-00003.gguf";
  Result<format::Gguf> gguf = format::Gguf::Open(path);
  if (!gguf.ok()) GTEST_SKIP() << "no model at " << path;
  const auto records = DescribeExperts(*gguf, *ReadModelConfig(*gguf));
  ASSERT_TRUE(records.ok());
  const std::vector<cache::RecordPart>& parts = records->front().parts;
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].file, 0u);
  EXPECT_EQ(parts[1].file, 0u);
  EXPECT_EQ(parts[2].file, 1u);
}

}  // namespace
}  // namespace moira::engine
