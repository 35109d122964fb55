// Ids that other engines gave: llama.cpp's for the tiny vocabularies beside this file
// (make_peer_ids.py), and where they are at hand the published ones of real vocabularies and the
// golden results of the tiny models.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "engine/tokenizer/tokenizer.h"
#include "tests/unit/engine/tokenizer/metadata_builder.h"

namespace moira::engine {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr EncodeOptions kPlain{.add_special = false};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<Tokenizer> Open(const fs::path& path) {
  const Result<format::Gguf> file = format::Gguf::Open(path.string());
  if (!file.ok()) ADD_FAILURE() << file.status().message();
  if (!file.ok()) return nullptr;
  Result<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Create(file->metadata());
  if (!tokenizer.ok()) ADD_FAILURE() << path << ": " << tokenizer.status().message();
  return tokenizer.ok() ? std::move(tokenizer).value() : nullptr;
}

fs::path Shared(const std::string& below) {
  return fs::path(MOIRA_SOURCE_DIR) / "../shared" / below;
}

MetadataBuilder TinyVocabulary(const json& vocabulary, const std::string& model) {
  MetadataBuilder builder;
  builder.Set("model", model)
      .Set("tokens", vocabulary.at("tokens").get<std::vector<std::string>>())
      .Set("token_type", vocabulary.at("types").get<std::vector<int64_t>>());
  return builder;
}

void ExpectIds(const Tokenizer& tokenizer, const json& texts, const json& ids,
               const std::string& name) {
  ASSERT_EQ(texts.size(), ids.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.Encode(texts[i].get<std::string>(), kPlain),
              ids[i].get<std::vector<TokenId>>())
        << name << ": " << texts[i];
  }
}

TEST(TokenizerParity, TinyVocabulariesGiveThePeersIds) {
  const json peer = json::parse(
      ReadFile(fs::path(MOIRA_SOURCE_DIR) / "tests/unit/engine/tokenizer/peer_ids.json"));
  MetadataBuilder bpe = TinyVocabulary(peer.at("bpe"), "gpt2");
  bpe.Set("merges", peer.at("bpe").at("merges").get<std::vector<std::string>>());
  for (const auto& [pre, ids] : peer.at("bpe").at("ids").items()) {
    const auto tokenizer = Tokenizer::Create(bpe.Set("pre", pre).Build()).value();
    ExpectIds(*tokenizer, peer.at("texts"), ids, pre);
  }
  MetadataBuilder spm = TinyVocabulary(peer.at("spm"), "llama");
  spm.Set("scores", peer.at("spm").at("scores").get<std::vector<double>>());
  ExpectIds(*Tokenizer::Create(spm.Build()).value(), peer.at("texts"), peer.at("spm").at("ids"),
            "spm");
}

std::vector<std::string> SplitAt(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at; (at = text.find(separator, begin)) != std::string::npos;) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  return parts;
}

TEST(TokenizerParity, PublishedVocabulariesGiveThePublishedIds) {
  if (!fs::exists(Shared("data/vocab"))) GTEST_SKIP() << "no ../shared/data/vocab";
  for (const char* name : {"deepseek-llm", "gpt-2", "llama-spm", "phi-3"}) {
    const std::string path = Shared("data/vocab").string() + "/ggml-vocab-" + name + ".gguf";
    const auto tokenizer = Open(path);
    ASSERT_NE(tokenizer, nullptr);
    const std::vector<std::string> texts =
        SplitAt(ReadFile(path + ".inp"), "\n__ggml_vocab_test__\n");
    const std::vector<std::string> lines = SplitAt(ReadFile(path + ".out"), "\n");
    ASSERT_EQ(texts.size(), 46U);
    ASSERT_EQ(lines.size(), 46U);
    for (size_t i = 0; i < texts.size(); ++i) {
      std::istringstream line(lines[i]);
      const std::vector<TokenId> ids{std::istream_iterator<TokenId>(line), {}};
      EXPECT_EQ(tokenizer->Encode(texts[i], kPlain), ids) << name << ": " << texts[i];
      EXPECT_EQ(tokenizer->Decode(ids), texts[i]) << name;
    }
  }
}

TEST(TokenizerParity, ModelsGiveTheirGoldenIds) {
  if (!fs::exists(Shared("models"))) GTEST_SKIP() << "no ../shared/models";
  size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Shared("models"))) {
    const std::string path = entry.path().string();
    constexpr std::string_view kSuffix = ".golden.json";
    if (!path.ends_with(kSuffix)) continue;
    const json golden = json::parse(ReadFile(path));
    if (!golden.contains("tokenize")) continue;
    const auto tokenizer = Open(path.substr(0, path.size() - kSuffix.size()) + ".gguf");
    ASSERT_NE(tokenizer, nullptr);
    for (const json& one : golden.at("tokenize")) {
      const EncodeOptions options{.add_special = one.at("add_special").get<bool>()};
      EXPECT_EQ(tokenizer->Encode(one.at("text").get<std::string>(), options),
                one.at("ids").get<std::vector<TokenId>>())
          << path << ": " << one.at("text");
      ++compared;
    }
  }
  EXPECT_GT(compared, 0U);
}

}  // namespace
}  // namespace moira::engine
