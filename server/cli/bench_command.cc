#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "cache/budget.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"
#include "server/cli/generate.h"
#include "server/cli/load_engine.h"

namespace moira::server {
namespace {

using Json = nlohmann::ordered_json;

struct BenchOptions {
  uint32_t prompt_tokens = 512, decode_tokens = 128, repetitions = 5;
  bool json = false;
};

struct Range {
  double median, minimum, maximum;
};

Range Summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t n = values.size();
  double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  return {median, values.front(), values.back()};
}

Json ToJson(const Range& range) {
  return {{"median", range.median}, {"min", range.minimum}, {"max", range.maximum}};
}

// What the repetitions measured, tokens per second each.
struct Measured {
  std::vector<double> prefill, decode;
  engine::EngineStats before, after;
};

// Prompts are random tokens, different in each repetition: no prefix is reused and routing varies.
std::vector<engine::TokenId> RandomPrompt(uint32_t tokens, size_t vocabulary, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<engine::TokenId> any(0, static_cast<int32_t>(vocabulary) - 1);
  std::vector<engine::TokenId> prompt(tokens);
  for (engine::TokenId& token : prompt) token = any(random);
  return prompt;
}

Result<engine::RequestTimings> RunOnce(engine::Engine& engine, const BenchOptions& options,
                                       uint32_t seed) {
  engine::GenerateRequest request;
  request.prompt = RandomPrompt(options.prompt_tokens, engine.tokenizer().vocabulary_size(), seed);
  request.max_tokens = options.decode_tokens + 1;  // the first one belongs to the prefill
  request.sampling.temperature = 0;
  request.ignore_end = true;
  request.reuse_prefix = false;
  MOIRA_ASSIGN_OR_RETURN(Generation generation, Generate(engine, std::move(request)));
  return generation.timings;
}

Result<Measured> Measure(engine::Engine& engine, const BenchOptions& options) {
  MOIRA_RETURN_IF_ERROR(RunOnce(engine, options, 0).status());  // warms caches and workspaces
  Measured measured;
  measured.before = engine.stats();
  for (uint32_t i = 1; i <= options.repetitions; ++i) {
    MOIRA_ASSIGN_OR_RETURN(engine::RequestTimings timings, RunOnce(engine, options, i));
    measured.prefill.push_back(timings.prompt_tokens / std::max(timings.prefill_seconds, 1e-9));
    if (timings.generated_tokens > 1) {
      measured.decode.push_back((timings.generated_tokens - 1) /
                                std::max(timings.decode_seconds, 1e-9));
    }
  }
  measured.after = engine.stats();
  return measured;
}

Json ExpertCounters(const prefetch::ProviderStats& a, const prefetch::ProviderStats& b) {
  uint64_t hits = b.hits - a.hits, late = b.hits_in_flight - a.hits_in_flight,
           misses = b.misses - a.misses;
  uint64_t asked = hits + late + misses;
  return {{"hits", hits},
          {"late", late},
          {"misses", misses},
          {"hit_rate", asked == 0 ? 1.0 : static_cast<double>(hits) / static_cast<double>(asked)},
          {"fetches", b.fetches - a.fetches},
          {"fetched_bytes", b.fetched_bytes - a.fetched_bytes},
          {"speculative_issued", b.speculative_issued - a.speculative_issued},
          {"speculative_used", b.speculative_used - a.speculative_used},
          {"speculative_wasted", b.speculative_wasted - a.speculative_wasted},
          {"speculative_bytes", b.speculative_bytes - a.speculative_bytes},
          {"wait_seconds", b.acquire_wait_seconds - a.acquire_wait_seconds},
          {"resident", b.resident},
          {"experts", b.experts}};
}

Json Describe(const engine::Engine& engine, const engine::PlacementPlan& plan,
              const BenchOptions& options, const Measured& measured) {
  Json out;
  const engine::ModelInfo& model = engine.model();
  out["model"] = {{"name", model.name},
                  {"architecture", model.architecture},
                  {"bytes", model.file_bytes},
                  {"parameters", model.parameters}};
  out["device"] = model.device;
  out["instruction_set"] = model.instruction_set;
  out["threads"] = model.threads;
  out["prefill"] = {{"tokens", options.prompt_tokens},
                    {"tokens_per_second", ToJson(Summarize(measured.prefill))}};
  uint64_t bytes = plan.dense_bytes_per_token + plan.expert_bytes_per_token;
  out["weight_bytes_per_token"] = bytes;
  out["memory_bytes_per_second"] = plan.speed.rates.device;
  if (!measured.decode.empty()) {
    Range decode = Summarize(measured.decode);
    out["decode"] = {{"tokens", options.decode_tokens}, {"tokens_per_second", ToJson(decode)}};
    out["decode"]["percent_of_memory_limit"] =
        100 * decode.median * static_cast<double>(bytes) / plan.speed.rates.device;
  }
  out["experts"] = ExpertCounters(measured.before.experts, measured.after.experts);
  return out;
}

void Print(const Json& out) {
  auto speed = [&out](const char* phase) {
    const Json& range = out[phase]["tokens_per_second"];
    std::printf("%-8s %5u tokens: %9.2f tokens/s (%.2f to %.2f)\n", phase,
                out[phase]["tokens"].get<unsigned>(), range["median"].get<double>(),
                range["min"].get<double>(), range["max"].get<double>());
  };
  std::printf("%s, %s, %u threads, %s\n", out["model"]["name"].get<std::string>().c_str(),
              cache::FormatBytes(out["model"]["bytes"].get<uint64_t>()).c_str(),
              out["threads"].get<unsigned>(), out["instruction_set"].get<std::string>().c_str());
  speed("prefill");
  if (out.contains("decode")) {
    speed("decode");
    std::printf("weights read per token: %s; %.0f %% of the measured %.1f GB/s of memory\n",
                cache::FormatBytes(out["weight_bytes_per_token"].get<uint64_t>()).c_str(),
                out["decode"]["percent_of_memory_limit"].get<double>(),
                out["memory_bytes_per_second"].get<double>() / 1e9);
  }
  const Json& experts = out["experts"];
  std::printf("experts: %.1f %% hits, %llu fetches (%s), %llu of %llu prefetches used\n",
              experts["hit_rate"].get<double>() * 100, experts["fetches"].get<unsigned long long>(),
              cache::FormatBytes(experts["fetched_bytes"].get<uint64_t>()).c_str(),
              experts["speculative_used"].get<unsigned long long>(),
              experts["speculative_issued"].get<unsigned long long>());
}

}  // namespace

Status RunBench(const std::vector<std::string>& arguments) {
  engine::EngineOptions engine_options;
  engine_options.parallel = 1;
  BenchOptions options;
  std::vector<Flag> flags = EngineFlags(engine_options);
  flags.push_back(NumberFlag("-p,--prompt-tokens", "Tokens of each prompt (512)",
                             options.prompt_tokens, 1, 1u << 20));
  flags.push_back(NumberFlag("-n,--decode-tokens", "Tokens generated after it (128); 0: none",
                             options.decode_tokens, 0, 1u << 20));
  flags.push_back(NumberFlag("-r,--repetitions", "Measured runs, after one that warms up (5)",
                             options.repetitions, 1, 1000));
  flags.push_back(SwitchFlag("--json", "Print JSON", options.json));
  MOIRA_ASSIGN_OR_RETURN(
      bool run,
      Configure({"bench", "Measure prefill and decode speed of a model here", arguments}, flags));
  if (!run) return {};
  if (engine_options.context_size == 0) {
    engine_options.context_size = options.prompt_tokens + options.decode_tokens + 1;
  }
  if (engine_options.model_path.empty()) {
    return InvalidArgument("--model is missing: which GGUF file shall be measured?");
  }
  MOIRA_ASSIGN_OR_RETURN(engine::PlacementPlan plan, engine::PlanPlacement(engine_options));
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<engine::Engine> engine, LoadEngine(engine_options));
  MOIRA_ASSIGN_OR_RETURN(Measured measured, Measure(*engine, options));
  Json out = Describe(*engine, plan, options, measured);
  if (options.json) {
    std::puts(out.dump(2).c_str());
  } else {
    Print(out);
  }
  return {};
}

}  // namespace moira::server
