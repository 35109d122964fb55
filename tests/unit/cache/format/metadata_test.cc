#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cache/format/gguf.h"

namespace moira::format {
namespace {

constexpr uint64_t kMaxUnsigned = std::numeric_limits<uint64_t>::max();
constexpr int64_t kMinSigned = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxSigned = std::numeric_limits<int64_t>::max();

// One key for each alternative of MetadataValue.
const std::vector<std::pair<std::string, MetadataValue>> kAllKinds = {
    {"bool", true},
    {"signed", int64_t{-5}},
    {"unsigned", uint64_t{5}},
    {"float", 2.5},
    {"string", std::string("text")},
    {"bools", std::vector<bool>{true}},
    {"signeds", std::vector<int64_t>{-1, 2}},
    {"unsigneds", std::vector<uint64_t>{1, 2}},
    {"floats", std::vector<double>{1.5}},
    {"strings", std::vector<std::string>{"a", "b"}},
};

Metadata AllKinds() {
  Metadata metadata;
  for (const auto& [key, value] : kAllKinds) EXPECT_TRUE(metadata.Add(key, value).ok());
  return metadata;
}

// Calls `get` for each kind of value and checks that exactly `accepted` are taken and that the
// others are refused by name.
template <typename Get>
void ExpectAccepts(const std::vector<std::string>& accepted, Get get) {
  Metadata metadata = AllKinds();
  for (const auto& [key, value] : kAllKinds) {
    Status status = get(metadata, key);
    bool expected = std::find(accepted.begin(), accepted.end(), key) != accepted.end();
    EXPECT_EQ(status.ok(), expected) << key << ": " << status.message();
    if (expected) continue;
    EXPECT_EQ(status.code(), StatusCode::kInvalidData);
    EXPECT_TRUE(status.message().starts_with("key '" + key + "' is ")) << status.message();
  }
  EXPECT_TRUE(get(metadata, "absent").ok());
}

TEST(Metadata, EachGetterTakesItsKindsOnly) {
  ExpectAccepts({"signed", "unsigned"}, [](const Metadata& metadata, const std::string& key) {
    return metadata.Signed(key, kMinSigned, kMaxSigned).status();
  });
  ExpectAccepts({"unsigned"}, [](const Metadata& metadata, const std::string& key) {
    return metadata.Unsigned(key, 0, kMaxUnsigned).status();
  });
  ExpectAccepts({"float", "signed", "unsigned"},
                [](const Metadata& metadata, const std::string& key) {
                  return metadata.Float(key, -100, 100).status();
                });
  ExpectAccepts({"bool"}, [](const Metadata& metadata, const std::string& key) {
    return metadata.Bool(key).status();
  });
  ExpectAccepts({"string"}, [](const Metadata& metadata, const std::string& key) {
    return metadata.String(key).status();
  });
  ExpectAccepts({"strings"}, [](const Metadata& metadata, const std::string& key) {
    return metadata.Strings(key).status();
  });
  ExpectAccepts({"signed", "unsigned", "signeds", "unsigneds"},
                [](const Metadata& metadata, const std::string& key) {
                  return metadata.Integers(key).status();
                });
  ExpectAccepts({"float", "floats", "signed", "unsigned", "signeds", "unsigneds"},
                [](const Metadata& metadata, const std::string& key) {
                  return metadata.Floats(key).status();
                });
}

TEST(Metadata, ValuesComeBackAsTheyWere) {
  Metadata metadata = AllKinds();
  EXPECT_EQ(metadata.Bool("bool").value(), true);
  EXPECT_EQ(metadata.Signed("signed", -5, -5).value(), -5);
  EXPECT_EQ(metadata.Unsigned("unsigned", 5, 5).value(), 5u);
  EXPECT_EQ(metadata.Float("float", 0, 3).value(), 2.5);
  EXPECT_EQ(metadata.Float("signed", -9, 0).value(), -5.0);
  EXPECT_EQ(metadata.String("string").value(), "text");
  EXPECT_EQ(*metadata.Strings("strings").value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(metadata.Integers("signeds").value(), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(metadata.Integers("unsigneds").value(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(metadata.Integers("unsigned").value(), std::vector<int64_t>{5});
  EXPECT_EQ(metadata.Floats("floats").value(), std::vector<double>{1.5});
  EXPECT_EQ(metadata.Floats("unsigneds").value(), (std::vector<double>{1, 2}));
  EXPECT_EQ(metadata.Floats("signeds").value(), (std::vector<double>{-1, 2}));
}

TEST(Metadata, AbsentKeysGiveNothing) {
  Metadata metadata;
  EXPECT_FALSE(metadata.Has("k"));
  EXPECT_EQ(metadata.Unsigned("k", 1, 2).value(), std::nullopt);
  EXPECT_EQ(metadata.Signed("k", 1, 2).value(), std::nullopt);
  EXPECT_EQ(metadata.Float("k", 1, 2).value(), std::nullopt);
  EXPECT_EQ(metadata.Bool("k").value(), std::nullopt);
  EXPECT_EQ(metadata.String("k").value(), std::nullopt);
  EXPECT_EQ(metadata.Strings("k").value(), nullptr);
  EXPECT_EQ(metadata.Integers("k").value(), std::nullopt);
  EXPECT_EQ(metadata.Floats("k").value(), std::nullopt);
}

TEST(Metadata, BoundsAreInclusiveAndNamed) {
  Metadata metadata = AllKinds();
  EXPECT_TRUE(metadata.Unsigned("unsigned", 5, 9).ok());
  EXPECT_TRUE(metadata.Unsigned("unsigned", 1, 5).ok());
  EXPECT_EQ(metadata.Unsigned("unsigned", 6, 9).status().message(),
            "key 'unsigned' is 5, outside 6 to 9");
  EXPECT_EQ(metadata.Unsigned("unsigned", 0, 4).status().message(),
            "key 'unsigned' is 5, outside 0 to 4");
  EXPECT_EQ(metadata.Signed("signed", -4, 4).status().message(),
            "key 'signed' is -5, outside -4 to 4");
  EXPECT_FALSE(metadata.Float("float", 0, 2.4).ok());
  EXPECT_FALSE(metadata.Float("float", 2.6, 3).ok());
}

TEST(Metadata, IntegersAreNotWrapped) {
  Metadata metadata;
  ASSERT_TRUE(metadata.Add("top", kMaxUnsigned).ok());
  ASSERT_TRUE(metadata.Add("minus", int64_t{-1}).ok());
  ASSERT_TRUE(metadata.Add("list", std::vector<uint64_t>{1, kMaxUnsigned}).ok());
  EXPECT_EQ(metadata.Unsigned("top", 0, kMaxUnsigned).value(), kMaxUnsigned);
  EXPECT_FALSE(metadata.Signed("top", kMinSigned, kMaxSigned).ok());
  EXPECT_FALSE(metadata.Unsigned("minus", 0, kMaxUnsigned).ok());
  EXPECT_EQ(metadata.Integers("list").status().message(),
            "key 'list' is 18446744073709551615, outside 0 to 9223372036854775807");
}

TEST(Metadata, FloatsMustBeFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Metadata metadata;
  ASSERT_TRUE(metadata.Add("nan", std::nan("")).ok());
  ASSERT_TRUE(metadata.Add("infinite", kInfinity).ok());
  ASSERT_TRUE(metadata.Add("list", std::vector<double>{1, -kInfinity}).ok());
  EXPECT_FALSE(metadata.Float("nan", -kInfinity, kInfinity).ok());
  EXPECT_FALSE(metadata.Float("infinite", -kInfinity, kInfinity).ok());
  EXPECT_EQ(metadata.Floats("list").status().message(),
            "key 'list' holds -inf, not a finite number");
}

TEST(Metadata, AKeyIsAddedOnce) {
  Metadata metadata;
  ASSERT_TRUE(metadata.Add("k", uint64_t{1}).ok());
  EXPECT_EQ(metadata.Add("k", uint64_t{2}).message(), "key 'k' is there twice");
  EXPECT_EQ(metadata.Unsigned("k", 0, 9).value(), 1u);
}

}  // namespace
}  // namespace moira::format
