#include "engine/model/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moira::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigReaderTest : public ::testing::Test {
 protected:
  void Add(const std::string& key, format::MetadataValue value) {
    ASSERT_TRUE(metadata_.Add(key, std::move(value)).ok());
  }

  format::Metadata metadata_;
  const ConfigReader reader_{metadata_, "arch"};
};

TEST_F(ConfigReaderTest, KeysAreThoseOfTheArchitecture) {
  Add("arch.count", uint64_t{3});
  Add("other.size", uint64_t{4});
  EXPECT_EQ(*reader_.Required("count", {1, 5}), 3u);
  const Status missing = reader_.Required("size", {1, 5}).status();
  EXPECT_EQ(missing.code(), StatusCode::kInvalidData);
  EXPECT_EQ(missing.message(), "metadata key arch.size is missing");
}

TEST_F(ConfigReaderTest, AbsentKeysGiveTheFallback) {
  EXPECT_EQ(*reader_.OptionalOr("a", {1, 5}, 7), 7u);
  EXPECT_EQ(*reader_.FloatOr("b", {0.0, 1.0}, 2.5f), 2.5f);
  EXPECT_TRUE(*reader_.BoolOr("c", true));
  EXPECT_EQ(*reader_.StringOr("d", "text"), "text");
  EXPECT_FALSE(reader_.Optional("e", {1, 5})->has_value());
  EXPECT_THAT(*reader_.PerLayer("f", 3, {1, 5}), IsEmpty());
  EXPECT_FALSE(reader_.Uniform("g", 3, {1, 5})->has_value());
}

TEST_F(ConfigReaderTest, PresentKeysWinOverTheFallback) {
  Add("arch.a", uint64_t{2});
  Add("arch.b", 0.5);
  Add("arch.c", false);
  Add("arch.d", std::string("found"));
  EXPECT_EQ(*reader_.OptionalOr("a", {1, 5}, 7), 2u);
  EXPECT_EQ(*reader_.FloatOr("b", {0.0, 1.0}, 2.5f), 0.5f);
  EXPECT_FALSE(*reader_.BoolOr("c", true));
  EXPECT_EQ(*reader_.StringOr("d", "text"), "found");
}

TEST_F(ConfigReaderTest, BoundsAndKindsHold) {
  Add("arch.large", uint64_t{6});
  Add("arch.text", std::string("6"));
  for (const char* key : {"large", "text"}) {
    const Status status = reader_.OptionalOr(key, {1, 5}, 1).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidData);
    EXPECT_THAT(status.message(), HasSubstr("arch." + std::string(key)));
  }
}

TEST_F(ConfigReaderTest, AScalarStandsForAllLayers) {
  Add("arch.one", uint64_t{4});
  Add("arch.each", std::vector<uint64_t>{1, 2, 3});
  EXPECT_THAT(*reader_.PerLayer("one", 3, {1, 5}), ElementsAre(4, 4, 4));
  EXPECT_THAT(*reader_.PerLayer("each", 3, {1, 5}), ElementsAre(1, 2, 3));
  EXPECT_THAT(reader_.PerLayer("each", 2, {1, 5}).status().message(), HasSubstr("has 3 values"));
  EXPECT_THAT(reader_.PerLayer("each", 3, {1, 2}).status().message(),
              HasSubstr("arch.each is 3, wanted 1 to 2"));
}

TEST_F(ConfigReaderTest, UniformRefusesWhatDiffers) {
  Add("arch.same", std::vector<uint64_t>{2, 2});
  Add("arch.mixed", std::vector<uint64_t>{2, 3});
  EXPECT_EQ(**reader_.Uniform("same", 2, {1, 5}), 2u);
  EXPECT_EQ(reader_.Uniform("mixed", 2, {1, 5}).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace moira::engine
