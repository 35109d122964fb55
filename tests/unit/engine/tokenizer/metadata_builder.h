#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cache/format/gguf.h"
#include "engine/tokenizer/byte_map.h"

namespace moira::engine {

// Model metadata with a vocabulary, to be changed entry by entry before it is built.
class MetadataBuilder {
 public:
  MetadataBuilder& Set(const std::string& key, format::MetadataValue value) {
    entries_["tokenizer.ggml." + key] = std::move(value);
    return *this;
  }
  MetadataBuilder& SetName(const std::string& name) {
    entries_["general.name"] = name;
    return *this;
  }
  MetadataBuilder& Erase(const std::string& key) {
    entries_.erase("tokenizer.ggml." + key);
    return *this;
  }
  // Appends to the tokens that are there; types as in GGUF.
  MetadataBuilder& AddToken(const std::string& spelling, int64_t type, double score = 0) {
    Get<std::vector<std::string>>("tokens").push_back(spelling);
    Get<std::vector<int64_t>>("token_type").push_back(type);
    if (entries_.contains("tokenizer.ggml.scores")) {
      Get<std::vector<double>>("scores").push_back(score);
    }
    return *this;
  }

  format::Metadata Build() const {
    format::Metadata metadata;
    for (const auto& [key, value] : entries_) {
      if (!metadata.Add(key, value).ok()) std::abort();
    }
    return metadata;
  }

  template <typename T>
  T& Get(const std::string& key) {
    return std::get<T>(entries_.at("tokenizer.ggml." + key));
  }

 private:
  std::map<std::string, format::MetadataValue> entries_;
};

inline constexpr int64_t kNormalType = 1;
inline constexpr int64_t kUnknownType = 2;
inline constexpr int64_t kControlType = 3;
inline constexpr int64_t kUserDefinedType = 4;
inline constexpr int64_t kUnusedType = 5;
inline constexpr int64_t kByteType = 6;

// Ids: 0 <unk>, 1 <s>, 2 </s>, 3 + b for byte b, then the results of the merges from 259 on.
inline MetadataBuilder BpeMetadata(const std::vector<std::string>& merges,
                                   const std::string& pre = "gpt-2") {
  MetadataBuilder builder;
  builder.Set("model", std::string("gpt2")).Set("pre", pre);
  builder.Set("tokens", std::vector<std::string>{}).Set("token_type", std::vector<int64_t>{});
  builder.AddToken("<unk>", kUnknownType).AddToken("<s>", kControlType);
  builder.AddToken("</s>", kControlType);
  for (unsigned byte = 0; byte < 256; ++byte) {
    builder.AddToken(ByteSpelling(static_cast<uint8_t>(byte)), kNormalType);
  }
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ', 1);
    builder.AddToken(merge.substr(0, space) + merge.substr(space + 1), kNormalType);
  }
  builder.Set("merges", merges).Set("bos_token_id", uint64_t{1}).Set("eos_token_id", uint64_t{2});
  return builder;
}

// Ids: 0 <unk>, 1 <s>, 2 </s>, 3 + b for byte b, then `pieces`, best first, from 259 on.
inline MetadataBuilder SpmMetadata(const std::vector<std::string>& pieces) {
  MetadataBuilder builder;
  builder.Set("model", std::string("llama")).Set("scores", std::vector<double>{});
  builder.Set("tokens", std::vector<std::string>{}).Set("token_type", std::vector<int64_t>{});
  builder.AddToken("<unk>", kUnknownType).AddToken("<s>", kControlType);
  builder.AddToken("</s>", kControlType);
  for (unsigned byte = 0; byte < 256; ++byte) {
    builder.AddToken(ByteTokenSpelling(static_cast<uint8_t>(byte)), kByteType);
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    builder.AddToken(pieces[i], kNormalType, -static_cast<double>(i));
  }
  return builder;
}

inline constexpr int32_t ByteId(char byte) { return 3 + static_cast<unsigned char>(byte); }

}  // namespace moira::engine
