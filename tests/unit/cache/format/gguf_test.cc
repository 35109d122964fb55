#include "cache/format/gguf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace moira::format {
namespace {

const std::string kModels = std::string(MOIRA_SOURCE_DIR) + "/../shared/models/";

bool HaveModels() { return std::filesystem::exists(kModels); }

TEST(GgufModels, EveryModelOpens) {
  if (!HaveModels()) GTEST_SKIP() << "no " << kModels;
  size_t opened = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (entry.path().extension() != ".gguf") continue;
    Result<Gguf> gguf = Gguf::Open(entry.path().string());
    EXPECT_TRUE(gguf.ok()) << gguf.status().message();
    ++opened;
  }
  EXPECT_GT(opened, 15u);
}

}  // namespace
}  // namespace moira::format
