#include "engine/tokenizer/tokenizer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "cache/format/gguf.h"
#include "engine/tokenizer/bpe_encoder.h"
#include "engine/tokenizer/special_tokens.h"
#include "engine/tokenizer/spm_encoder.h"
#include "engine/tokenizer/vocabulary.h"

namespace moira::engine {
namespace {

// The SentencePiece defaults that Llama's files rely on.
constexpr VocabularyDefaults kSpmDefaults = {true, 1, 2, 0};

class FileTokenizer final : public Tokenizer {
 public:
  FileTokenizer(std::unique_ptr<const Vocabulary> vocabulary, std::unique_ptr<TextEncoder> encoder,
                bool strips_right)
      : vocabulary_(std::move(vocabulary)),
        encoder_(std::move(encoder)),
        special_tokens_(*vocabulary_, strips_right) {}

  std::vector<TokenId> Encode(std::string_view text, const EncodeOptions& options) const override;
  std::string TokenText(TokenId token, bool special) const override;
  std::string Decode(std::span<const TokenId> tokens, bool special) const override;

  size_t vocabulary_size() const override { return vocabulary_->size(); }
  TokenKind kind(TokenId token) const override {
    return vocabulary_->Contains(token) ? vocabulary_->kind(token) : TokenKind::kUnknown;
  }
  std::optional<TokenId> bos() const override { return vocabulary_->bos(); }
  std::optional<TokenId> eos() const override { return vocabulary_->eos(); }
  bool adds_bos() const override { return vocabulary_->adds_bos(); }
  bool adds_eos() const override { return vocabulary_->adds_eos(); }
  bool IsEndOfGeneration(TokenId token) const override {
    return vocabulary_->IsEndOfGeneration(token);
  }
  std::optional<TokenId> Find(std::string_view spelling) const override {
    return vocabulary_->Find(spelling);
  }

 private:
  const std::unique_ptr<const Vocabulary> vocabulary_;
  const std::unique_ptr<const TextEncoder> encoder_;
  const SpecialTokens special_tokens_;
};

std::vector<TokenId> FileTokenizer::Encode(std::string_view text,
                                           const EncodeOptions& options) const {
  const std::vector<Fragment> fragments = special_tokens_.Split(text, options);
  std::vector<TokenId> tokens;
  // A text that brings its own BOS or EOS, as chat templates write them, gets no second one.
  const bool has_bos = !fragments.empty() && fragments.front().token == vocabulary_->bos();
  const bool has_eos = !fragments.empty() && fragments.back().token == vocabulary_->eos();
  if (options.add_special && adds_bos() && !has_bos) tokens.push_back(*vocabulary_->bos());
  bool starts_text = true;
  for (const Fragment& fragment : fragments) {
    if (fragment.token) {
      tokens.push_back(*fragment.token);
    } else {
      const size_t length = fragment.range.end - fragment.range.begin;
      encoder_->Encode(text.substr(fragment.range.begin, length), starts_text, tokens);
    }
    starts_text = fragment.token.has_value();
  }
  if (options.add_special && adds_eos() && !has_eos) tokens.push_back(*vocabulary_->eos());
  return tokens;
}

std::string FileTokenizer::TokenText(TokenId token, bool special) const {
  if (!vocabulary_->Contains(token)) return {};
  const TokenKind kind = vocabulary_->kind(token);
  if (kind == TokenKind::kControl || kind == TokenKind::kUnknown) {
    return special ? vocabulary_->spelling(token) : std::string();
  }
  return encoder_->Bytes(token);
}

std::string FileTokenizer::Decode(std::span<const TokenId> tokens, bool special) const {
  std::string text;
  bool is_start = true;
  for (const TokenId token : tokens) {
    const std::string bytes = TokenText(token, special);
    const bool drops_space = is_start && encoder_->adds_space() && bytes.starts_with(' ');
    text.append(bytes, drops_space ? 1 : 0);
    is_start = is_start && bytes.empty();
  }
  return text;
}

// GGUF has no key for a token's stripping of space; llama.cpp, too, goes by the model's name.
Result<bool> StripsRight(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::string> name, metadata.String("general.name"));
  std::string lower = name.value_or("");
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

Result<std::unique_ptr<Tokenizer>> Assemble(const format::Metadata& metadata,
                                            std::unique_ptr<const Vocabulary> vocabulary,
                                            std::unique_ptr<TextEncoder> encoder) {
  MOIRA_ASSIGN_OR_RETURN(const bool strips_right, StripsRight(metadata));
  return std::unique_ptr<Tokenizer>(
      new FileTokenizer(std::move(vocabulary), std::move(encoder), strips_right));
}

Result<std::unique_ptr<Tokenizer>> CreateSpm(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(Vocabulary loaded, Vocabulary::Load(metadata, kSpmDefaults));
  auto vocabulary = std::make_unique<const Vocabulary>(std::move(loaded));
  MOIRA_ASSIGN_OR_RETURN(auto encoder, SpmEncoder::Create(metadata, *vocabulary));
  return Assemble(metadata, std::move(vocabulary), std::move(encoder));
}

Result<std::unique_ptr<Tokenizer>> CreateBpe(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::string> name,
                         metadata.String("tokenizer.ggml.pre"));
  MOIRA_ASSIGN_OR_RETURN(PreTokenizer pre_tokenizer,
                         PreTokenizer::Create(name.value_or("default")));
  MOIRA_ASSIGN_OR_RETURN(Vocabulary loaded,
                         Vocabulary::Load(metadata, {pre_tokenizer.row().adds_bos, {}, {}, {}}));
  auto vocabulary = std::make_unique<const Vocabulary>(std::move(loaded));
  MOIRA_ASSIGN_OR_RETURN(auto encoder,
                         BpeEncoder::Create(metadata, std::move(pre_tokenizer), *vocabulary));
  return Assemble(metadata, std::move(vocabulary), std::move(encoder));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::Create(const format::Metadata& metadata) {
  MOIRA_ASSIGN_OR_RETURN(const std::optional<std::string> model,
                         metadata.String("tokenizer.ggml.model"));
  if (!model) return InvalidData("tokenizer.ggml.model is not there");
  const std::string_view name = model.value();
  if (name == "llama") return CreateSpm(metadata);
  if (name == "gpt2") return CreateBpe(metadata);
  return Unsupported("tokenizer.ggml.model: '" + std::string(name.substr(0, 64)) +
                     "' is not known; known are gpt2, llama");
}

}  // namespace moira::engine
