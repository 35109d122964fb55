#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/budget.h"
#include "cache/device/status.h"
#include "engine/chat_template/chat_template.h"
#include "engine/speed_model.h"
#include "engine/tokenizer/tokenizer.h"
#include "prefetch/expert_provider.h"

// All that the server may see of the engine.
namespace moira::engine {

enum class DeviceKind { kAutomatic, kCpu, kEmulated };
enum class ComputeKind { kFast, kReference };
enum class KvKind { kF16, kF32 };
enum class MissService { kAutomatic, kFetch, kHost };

// What `moira serve` and its sisters can set of the engine; flags of the same names.
struct EngineOptions {
  std::string model_path;
  uint32_t context_size = 0;     // tokens per sequence; 0 = the model's, at most 4096
  uint32_t parallel = 4;         // sequences that run at once, 1..16
  uint32_t threads = 0;          // 0 = DefaultThreadCount()
  uint32_t prefill_chunk = 512;  // tokens of prompts that one step takes at most
  DeviceKind device = DeviceKind::kAutomatic;
  uint64_t device_memory = 0;  // bytes that may be used; 0 = automatic
  uint64_t host_memory = 0;
  cache::ExpertCacheBudget expert_cache;
  std::string cache_policy = "decayed";
  prefetch::PrefetchMode prefetch = prefetch::PrefetchMode::kAutomatic;
  MissService miss_service = MissService::kAutomatic;
  KvKind kv_type = KvKind::kF16;
  ComputeKind compute = ComputeKind::kFast;
  uint32_t max_queued = 64;      // requests that wait for a place
  double link_bandwidth = 12e9;  // bytes/s, emulated device only
  double link_latency = 10e-6;   // seconds, emulated device only
  std::string fault_plan;        // see cache/device/fault_plan.h
};

struct SamplingOptions {
  float temperature = 1;  // 0 = greedy
  uint32_t top_k = 0;     // 0 = off
  float top_p = 1;
  float min_p = 0;
  float typical_p = 1;
  float repetition_penalty = 1;
  float frequency_penalty = 0;
  float presence_penalty = 0;
  uint32_t penalty_window = 64;         // last tokens that penalties look at
  std::map<TokenId, float> logit_bias;  // -100 or less bans
  std::optional<uint64_t> seed;         // random when absent
};

struct GenerateRequest {
  std::vector<TokenId> prompt;  // not empty, every id in the vocabulary
  uint32_t max_tokens = 0;      // 0 generates nothing: for prompt logprobs
  SamplingOptions sampling;
  bool ignore_end = false;           // go on after an end-of-generation token
  std::optional<uint32_t> logprobs;  // alternatives per generated token, 0..20; absent = none
  std::optional<uint32_t> prompt_logprobs;  // the same for prompt tokens 1.. (token 0 has none)
  bool reuse_prefix = true;
};

struct TokenLogprob {
  TokenId token;
  float logprob;  // natural log of the model's probability, before temperature and filters
};

struct GeneratedToken {
  TokenId token;
  std::optional<float> logprob;
  std::vector<TokenLogprob> alternatives;  // falling
};

enum class FinishReason { kStop, kLength, kCancelled, kError };

// Where the time and the experts of one request went.
struct RequestTimings {
  uint32_t prompt_tokens = 0;
  uint32_t cached_tokens = 0;  // of them, found in the prefix cache
  uint32_t generated_tokens = 0;
  double queue_seconds = 0;
  double prefill_seconds = 0;  // of wall time, until the first token
  double decode_seconds = 0;   // from the first token to the last
  uint64_t expert_hits = 0;
  uint64_t expert_misses = 0;
};

// The answer of one request as it comes: tokens, then one end. One consumer thread; the engine
// thread produces. At most kCapacity tokens wait: a consumer that is slow makes its own sequence
// pause.
class TokenStream {
 public:
  static constexpr size_t kCapacity = 256;

  struct Event {
    enum class Kind { kPrompt, kToken, kEnd, kTimeout } kind = Kind::kTimeout;
    std::vector<GeneratedToken> prompt;  // kPrompt: prompt logprobs, one entry per prompt token
    GeneratedToken token;                // kToken
    FinishReason reason = FinishReason::kStop;  // kEnd
    Status status;                              // kEnd with kError
    RequestTimings timings;                     // kEnd
  };

  virtual ~TokenStream() = default;
  // Waits for the next event at most `timeout`.
  virtual Event Pop(std::chrono::milliseconds timeout) = 0;
  // The engine drops the request within one layer. Idempotent, thread-safe; so does destruction.
  virtual void Cancel() = 0;
};

struct ModelInfo {
  std::string name, architecture, path;
  uint64_t file_bytes = 0;
  uint64_t parameters = 0;
  uint32_t context_size = 0;  // served
  uint32_t trained_context = 0;
  uint32_t vocabulary = 0;
  uint32_t layers = 0, moe_layers = 0, experts = 0, experts_per_token = 0;
  std::string instruction_set, device;
  uint32_t threads = 0;
  // general.sampling.* of the file: defaults of requests that do not say otherwise.
  std::optional<float> temperature, top_p, min_p;
  std::optional<uint32_t> top_k;
};

struct EngineStats {
  uint64_t requests_submitted = 0, requests_finished = 0, requests_failed = 0,
           requests_cancelled = 0, requests_refused = 0;
  uint32_t running = 0, waiting = 0;  // gauges
  uint64_t prompt_tokens = 0, cached_prompt_tokens = 0, generated_tokens = 0, steps = 0;
  double prefill_seconds = 0, decode_seconds = 0;  // of steps that held (no) prompt tokens
  uint64_t dense_bytes_read = 0;   // weights that steps read, routed experts left out
  uint64_t expert_bytes_used = 0;  // routed experts' weights that steps computed with
  size_t kv_pages = 0, kv_pages_in_use = 0, kv_pages_cached = 0;
  uint64_t kv_prefix_hits = 0;
  prefetch::ProviderStats experts;
};

// Hardware to plan for in place of the machine at hand: a named profile, single figures (which
// win), or both. EngineOptions::device_memory and host_memory bound it, too.
struct HardwareChoice {
  std::string profile;        // one of HardwareNames(); empty = none
  double link_bandwidth = 0;  // bytes per second; 0 = not given
  double host_bandwidth = 0;
  double device_bandwidth = 0;
};

// "rtx-2060, rtx-3060-12gb, …"
std::string HardwareNames();

// How fast decoding one sequence can be, and from what that follows (engine/speed_model.h). The low
// end of a range takes every expert to be used as often as any other, the high end the favourites
// that real routers were measured to have.
struct SpeedEstimate {
  struct Range {
    MissPath path;
    double low, high;  // tokens per second
  };
  std::string hardware, source;
  MachineRates rates;
  double file_share = 0;  // of the misses' bytes
  double low_hit_rate = 0, high_hit_rate = 0;
  std::string high_hit_rate_from;  // the model whose favourites these are
  std::vector<Range> ranges;       // by path; the paths that this hardware has
  size_t chosen = 0;               // of `ranges`: what EngineOptions::miss_service leads to
  double all_resident = 0;         // tokens per second, if every expert were resident
};

// Where every byte of a model will go, told before loading.
struct PlacementPlan {
  struct Line {
    std::string what;   // "routed experts, resident"
    std::string where;  // "device", "host", "file"
    uint64_t bytes;
  };
  std::vector<Line> lines;
  uint64_t device_bytes = 0, host_bytes = 0, file_bytes = 0;
  uint64_t device_limit = 0;    // bytes that may be used
  uint64_t device_reserve = 0;  // bytes that an automatic limit leaves free
  uint32_t context_size = 0;
  uint64_t expert_slots = 0, expert_count = 0;
  double residency = 0;  // share of the routed experts' bytes
  uint64_t dense_bytes_per_token = 0, expert_bytes_per_token = 0;
  Status fits;  // kResourceExhausted: the lines are what would be needed, nothing below is set
  SpeedEstimate speed;
  std::vector<std::string> warnings;
};

// The plan of a model that does not fit is a plan: see PlacementPlan::fits.
Result<PlacementPlan> PlanPlacement(const EngineOptions& options,
                                    const HardwareChoice& hardware = {});

// A loaded model and the thread that runs it. All methods are thread-safe.
class Engine {
 public:
  // Blocks until the model is loaded. `progress` may be empty; returning false stops with
  // kCancelled.
  static Result<std::unique_ptr<Engine>> Load(
      const EngineOptions& options, std::function<bool(uint64_t done, uint64_t total)> progress);
  virtual ~Engine() = default;  // cancels what runs

  virtual const ModelInfo& model() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  // Null when the file has none; its parse error is then in chat_template_status().
  virtual const ChatTemplate* chat_template() const = 0;
  virtual Status chat_template_status() const = 0;

  // Never blocks: kResourceExhausted when the queue is full, kUnavailable when draining,
  // kInvalidArgument for a prompt that does not fit the context.
  virtual Result<std::unique_ptr<TokenStream>> Submit(GenerateRequest request) = 0;
  virtual EngineStats stats() const = 0;
  // Refuses new requests; returns when none is left or at the deadline (then false, and what is
  // left was cancelled).
  virtual bool Drain(std::chrono::milliseconds deadline) = 0;
};

}  // namespace moira::engine
