#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cache/format/model_file.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"
#include "server/cli/generate.h"
#include "server/cli/load_engine.h"
#include "server/cli/progress_bar.h"

namespace moira::server {
namespace {

constexpr uint64_t kMaximumText = 256 << 20;  // bytes; far above any evaluation corpus

struct Score {
  double negative_log_likelihood = 0;  // nats, summed
  double squares = 0;                  // of the nats per token
  uint64_t tokens = 0;
  uint32_t chunks = 0;

  double perplexity() const {
    return std::exp(negative_log_likelihood / static_cast<double>(tokens));
  }
  // Standard error of the perplexity, by the spread of the tokens' log-likelihoods.
  double standard_error() const {
    double n = static_cast<double>(tokens);
    double mean = negative_log_likelihood / n;
    double variance = std::max(0.0, squares / n - mean * mean);
    return n > 1 ? perplexity() * std::sqrt(variance / (n - 1)) : 0;
  }
};

Result<std::string> ReadText(const std::string& path) {
  MOIRA_ASSIGN_OR_RETURN(format::ModelFile file, format::ModelFile::Open(path));
  if (file.size() > kMaximumText) {
    return InvalidArgument(path + ": " + std::to_string(file.size()) + " bytes, at most " +
                           std::to_string(kMaximumText) + " are read");
  }
  std::string text(file.size(), '\0');
  MOIRA_RETURN_IF_ERROR(file.ReadAt(0, std::as_writable_bytes(std::span(text))));
  return text;
}

// Scores one window: its second half, given all before it (the measure of llama.cpp's
// llama-perplexity, so that figures compare). The first token is replaced by BOS where the model
// has one to add.
Status ScoreChunk(engine::Engine& engine, std::vector<engine::TokenId> window, Score& score) {
  const engine::Tokenizer& tokenizer = engine.tokenizer();
  if (tokenizer.adds_bos() && tokenizer.bos()) window[0] = *tokenizer.bos();
  size_t first = window.size() / 2;
  engine::GenerateRequest request;
  request.prompt = std::move(window);
  request.prompt_logprobs = 0;
  request.reuse_prefix = false;
  MOIRA_ASSIGN_OR_RETURN(Generation generation, Generate(engine, std::move(request)));
  for (size_t i = first + 1; i < generation.prompt.size(); ++i) {
    double nats = -generation.prompt[i].logprob.value_or(0);
    score.negative_log_likelihood += nats;
    score.squares += nats * nats;
    ++score.tokens;
  }
  ++score.chunks;
  return {};
}

void Print(const Score& score, uint32_t window, bool json) {
  if (json) {
    nlohmann::ordered_json out = {
        {"perplexity", score.perplexity()},
        {"standard_error", score.standard_error()},
        {"nats_per_token", score.negative_log_likelihood / static_cast<double>(score.tokens)},
        {"tokens_scored", score.tokens},
        {"chunks", score.chunks},
        {"ctx_size", window}};
    std::puts(out.dump(2).c_str());
  } else {
    std::printf(
        "perplexity %.4f +/- %.4f (%llu tokens in %u windows of %u, second halves scored)\n",
        score.perplexity(), score.standard_error(), static_cast<unsigned long long>(score.tokens),
        score.chunks, window);
  }
}

}  // namespace

Status RunPerplexity(const std::vector<std::string>& arguments) {
  engine::EngineOptions options;
  options.context_size = 512;
  options.parallel = 1;
  std::string path;
  uint32_t chunks = 0;
  bool json = false;
  std::vector<Flag> flags = EngineFlags(options);
  flags.push_back(TextFlag("-f,--file", "TEXT", "File with the text to score", path));
  flags.push_back(
      NumberFlag("--chunks", "Windows of --ctx-size tokens to score; 0: all", chunks, 0, 1u << 30));
  flags.push_back(SwitchFlag("--json", "Print JSON", json));
  MOIRA_ASSIGN_OR_RETURN(
      bool run, Configure({"perplexity", "Score a text file with a model", arguments}, flags));
  if (!run) return {};
  if (path.empty()) return InvalidArgument("--file is missing: which text shall be scored?");
  MOIRA_ASSIGN_OR_RETURN(std::string text, ReadText(path));
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<engine::Engine> engine, LoadEngine(options));

  std::vector<engine::TokenId> tokens = engine->tokenizer().Encode(text, {});
  uint32_t window = engine->model().context_size;
  size_t available = tokens.size() / window;
  if (available == 0) {
    return InvalidArgument(path + ": " + std::to_string(tokens.size()) +
                           " tokens, fewer than one window of " + std::to_string(window));
  }
  size_t count = chunks == 0 ? available : std::min<size_t>(chunks, available);
  Score score;
  ProgressBar bar("scoring");
  for (size_t i = 0; i < count; ++i) {
    auto begin = tokens.begin() + static_cast<ptrdiff_t>(i * window);
    MOIRA_RETURN_IF_ERROR(ScoreChunk(*engine, {begin, begin + window}, score));
    bar.Update(i + 1, count);
  }
  Print(score, window, json);
  return {};
}

}  // namespace moira::server
