#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_moe.h"

namespace moira::engine {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderSanitizer = true;
#else
inline constexpr bool kUnderSanitizer = false;
#endif

// How much a gate compares. Under a sanitizer, where a token costs ten times as much, fewer and
// shorter answers go through the same code.
inline constexpr size_t kGatePrompts = kUnderSanitizer ? 6 : 20;
inline constexpr uint32_t kGateTokens = kUnderSanitizer ? 16 : 128;

// A model that gates run on. The generated one is always there; the others may be absent.
struct GateModel {
  std::string name;
  std::string path;  // empty: to be generated
};

inline void PrintTo(const GateModel& model, std::ostream* out) { *out << model.name; }

inline std::string DemoModelPath() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string folder = cache != nullptr  ? cache
                             : home != nullptr ? std::string(home) + "/.cache"
                                               : "/nonexistent";
  return folder + "/moira/SmolLM2-135M-Instruct-MoE.gguf";
}

inline std::vector<GateModel> GateModels() {
  std::vector<GateModel> models = {{"generated", ""}};
  if (kUnderSanitizer) return models;
  models.push_back({"demo", DemoModelPath()});
  const std::string shared = MOIRA_SOURCE_DIR "/../shared/models/";
  for (const char* name : {"llama-moe", "llama-moe-mixed", "qwen2moe", "qwen3moe-q4_k_m", "olmoe",
                           "deepseek", "kjv-moe/kjv-moe-q4_0"}) {
    models.push_back({std::filesystem::path(name).filename(), shared + name + ".gguf"});
  }
  return models;
}

// What one request gave, to the bit.
struct GateAnswer {
  std::vector<TokenId> tokens;
  std::vector<float> logprobs;  // of each token, then of its alternatives
  FinishReason reason = FinishReason::kError;
  Status status;
  RequestTimings timings;

  friend bool operator==(const GateAnswer& a, const GateAnswer& b) {
    return a.reason == b.reason && a.tokens == b.tokens && a.logprobs == b.logprobs;
  }
};

inline void PrintTo(const GateAnswer& answer, std::ostream* out) {
  *out << answer.tokens.size() << " tokens:";
  for (TokenId token : answer.tokens) *out << ' ' << token;
  *out << ' ' << answer.status.message();
}

inline GateAnswer Collect(TokenStream& stream) {
  GateAnswer answer;
  while (true) {
    const auto event = stream.Pop(std::chrono::minutes(10));
    if (event.kind == TokenStream::Event::Kind::kToken) {
      answer.tokens.push_back(event.token.token);
      answer.logprobs.push_back(event.token.logprob.value_or(0));
      for (const TokenLogprob& entry : event.token.alternatives) {
        answer.logprobs.push_back(entry.logprob);
      }
    }
    if (event.kind != TokenStream::Event::Kind::kEnd) continue;
    answer.reason = event.reason;
    answer.status = event.status;
    answer.timings = event.timings;
    return answer;
  }
}

// Prompts of different lengths and contents; the first words differ, so none is another's prefix.
inline std::vector<std::string> GatePrompts() {
  const std::string texts[] = {
      "The capital of France is",
      "Once upon a time, in a land far away, there lived an old man who",
      "def fibonacci(n):\n    ",
      "1, 2, 3, 5, 8, 13,",
      "And God said, Let there be light: and there was light. And God saw the light, that",
      "a",
      "In the beginning",
      "Q: What is the boiling point of water?\nA:",
      "It is a truth universally acknowledged, that a single man in possession of a good fortune",
      "#include <stdio.h>\nint main() {",
  };
  std::vector<std::string> prompts;
  for (size_t i = 0; i < kGatePrompts; ++i) {
    std::string prompt = std::to_string(i) + ") " + texts[i % std::size(texts)];
    // Some are longer than a page of the KV cache, and one longer than a prefill chunk below.
    for (size_t repeat = 0; repeat < i % 4; ++repeat) prompt += " " + texts[(i + repeat) % 10];
    prompts.push_back(prompt);
  }
  return prompts;
}

inline GenerateRequest GreedyRequest(const Engine& engine, const std::string& prompt) {
  GenerateRequest request;
  request.prompt = engine.tokenizer().Encode(prompt, {});
  request.max_tokens = kGateTokens;
  request.sampling.temperature = 0;
  request.ignore_end = true;
  request.logprobs = 3;
  return request;
}

// Greedy answers to all prompts, submitted at once.
inline std::vector<GateAnswer> AnswerAll(Engine& engine, const std::vector<std::string>& prompts) {
  std::vector<std::unique_ptr<TokenStream>> streams;
  for (const std::string& prompt : prompts) {
    streams.push_back(engine.Submit(GreedyRequest(engine, prompt)).value());
  }
  std::vector<GateAnswer> answers;
  for (auto& stream : streams) answers.push_back(Collect(*stream));
  return answers;
}

inline cache::ExpertCacheBudget Percent(double percent) {
  return {cache::ExpertCacheBudget::Kind::kPercent, 0, percent};
}

// Everything resident, eight sequences at once.
inline EngineOptions BaseOptions(const std::string& path) {
  EngineOptions options;
  options.model_path = path;
  options.context_size = 512;
  options.parallel = 8;
  options.threads = 2;
  options.prefill_chunk = 48;
  options.expert_cache.kind = cache::ExpertCacheBudget::Kind::kAll;
  return options;
}

}  // namespace moira::engine
