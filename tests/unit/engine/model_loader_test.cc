#include "engine/model_loader.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"
#include "tests/support/tiny_moe.h"

namespace moira::engine {
namespace {

class ModelLoaderTest : public ::testing::Test {
 protected:
  EngineOptions Options(testing::TinyMoe& model) {
    EngineOptions options;
    options.model_path = folder_.Write("tiny.gguf", model.Bytes());
    options.threads = 1;
    options.context_size = 128;
    return options;
  }

  testing::TempFolder folder_;
};

TEST_F(ModelLoaderTest, OpeningReadsNoWeightsButDecidesEverything) {
  testing::TinyMoe model;
  const auto opened = OpenModel(Options(model));
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(opened->experts.size(), testing::TinyMoe::kLayers);
  EXPECT_EQ(opened->placement.expert_count, testing::TinyMoe::kLayers * testing::TinyMoe::kExperts);
  EXPECT_EQ(opened->placement.context_size, 128u);
}

TEST_F(ModelLoaderTest, LoadsAllParts) {
  testing::TinyMoe model;
  const auto loaded = LoadModel(Options(model), {});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_NE((*loaded)->tokenizer, nullptr);
  EXPECT_NE((*loaded)->chat_template, nullptr);
  EXPECT_NE((*loaded)->experts, nullptr);
  EXPECT_NE((*loaded)->executor, nullptr);
  EXPECT_EQ((*loaded)->kv_pages->stats().pages, (*loaded)->file.placement.kv_pages);
}

TEST_F(ModelLoaderTest, ATemplateThatDoesNotParseIsKeptAsAStatus) {
  std::string bytes = testing::TinyMoe().Bytes();
  const size_t place = bytes.find("{% for m");
  ASSERT_NE(place, std::string::npos);
  bytes.replace(place, 8, "{% fur m");
  EngineOptions options;
  options.model_path = folder_.Write("bad-template.gguf", bytes);
  options.threads = 1;
  const auto loaded = LoadModel(options, {});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ((*loaded)->chat_template, nullptr);
  EXPECT_FALSE((*loaded)->chat_template_status.ok());
}

TEST_F(ModelLoaderTest, BadSamplingDefaultsAreNamed) {
  testing::TinyMoe model;
  model.writer().Set("general.sampling.top_p", 1.5f);
  const auto loaded = LoadModel(Options(model), {});
  EXPECT_EQ(loaded.status().code(), StatusCode::kInvalidData);
  EXPECT_NE(loaded.status().message().find("general.sampling.top_p"), std::string::npos);
}

}  // namespace
}  // namespace moira::engine
