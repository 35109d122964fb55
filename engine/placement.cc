#include "engine/placement.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "cache/device/checked.h"
#include "engine/sequence_kv.h"

namespace moira::engine {
namespace {

constexpr uint32_t kMaxParallel = 16;
constexpr uint32_t kMaxThreads = 512;
constexpr uint32_t kMaxPrefillChunk = 8192;
constexpr uint32_t kMaxQueued = 65536;
constexpr uint32_t kMaxContext = 1 << 24;
constexpr uint32_t kDefaultContext = 4096;
// An automatic context is halved where memory is short, down to this: less serves no conversation.
constexpr uint32_t kMinAutomaticContext = 512;
constexpr uint64_t kAllLogitsBytes = 64 << 20;
// What an automatic limit leaves to the rest of the machine: an eighth, at most 2 GiB.
constexpr uint64_t kReserveDivisor = 8;
constexpr uint64_t kMaxReserve = uint64_t{2} << 30;

struct UnsignedBound {
  const char* field;
  uint32_t EngineOptions::*member;
  uint32_t minimum, maximum;
};
constexpr UnsignedBound kBounds[] = {
    {"parallel", &EngineOptions::parallel, 1, kMaxParallel},
    {"threads", &EngineOptions::threads, 0, kMaxThreads},
    {"prefill chunk", &EngineOptions::prefill_chunk, 1, kMaxPrefillChunk},
    {"queue length", &EngineOptions::max_queued, 0, kMaxQueued},
    {"context size", &EngineOptions::context_size, 0, kMaxContext},
};

uint64_t Reserve(uint64_t available) { return std::min(available / kReserveDivisor, kMaxReserve); }

// The least of what was set; nothing set: what the machine leaves.
void LimitDevice(const PlacementInput& input, Placement& placement) {
  const EngineOptions& options = input.options;
  const bool unified = options.device != DeviceKind::kEmulated;
  uint64_t limit = options.device_memory;
  if (unified && options.host_memory > 0) {
    limit = limit == 0 ? options.host_memory : std::min(limit, options.host_memory);
  }
  const uint64_t available = input.card_memory.value_or(input.memory.available);
  placement.device_reserve = limit > 0 ? 0 : Reserve(available);
  placement.device_limit = limit > 0 ? limit : available - placement.device_reserve;
}

// By estimate: what a step keeps for each of its tokens, in floats, and the rows of logits. Twice
// the activations, since inputs are also kept rounded and per thread.
uint64_t WorkspaceBytes(const EngineOptions& options, const ModelConfig& config,
                        uint32_t all_logits) {
  uint64_t feed_forward = config.shared_expert_width;
  for (const LayerConfig& layer : config.layer) {
    feed_forward = std::max<uint64_t>(feed_forward, layer.feed_forward);
  }
  const uint64_t attention = uint64_t{config.heads} * (config.key_size + config.value_size) +
                             uint64_t{config.kv_heads} * (config.key_size + config.value_size);
  const uint64_t experts =
      uint64_t{config.experts_per_token} * (2 * uint64_t{config.expert_width} + config.model_width);
  const uint64_t per_token =
      4 * uint64_t{config.model_width} + attention + 2 * feed_forward + experts;
  const uint64_t logit_rows = options.parallel + all_logits;
  return sizeof(float) * (2 * per_token * MaxStepTokens(options) + logit_rows * config.vocabulary);
}

struct ClassTotals {
  uint64_t record_bytes = 0;
  uint64_t records = 0;
};

std::vector<ClassTotals> TotalsOfClasses(std::span<const cache::LayerRecords> layers) {
  std::vector<ClassTotals> totals;
  for (const cache::LayerRecords& layer : layers) {
    if (layer.layout_class >= totals.size()) totals.resize(layer.layout_class + 1);
    totals[layer.layout_class].record_bytes = layer.record_bytes;
    totals[layer.layout_class].records += layer.experts;
  }
  return totals;
}

uint64_t Padded(uint64_t record_bytes) {
  return (record_bytes + cache::kRecordAlignment - 1) / cache::kRecordAlignment *
         cache::kRecordAlignment;
}

// Fills in what the expert cache takes, given what is left for it.
void PlaceExperts(const PlacementInput& input, Placement& placement) {
  const std::vector<ClassTotals> totals = TotalsOfClasses(input.experts);
  placement.slots = cache::DivideSlots(input.options.expert_cache, placement.automatic_expert_bytes,
                                       input.experts);
  for (size_t i = 0; i < totals.size() && i < placement.slots.size(); ++i) {
    placement.slot_count += placement.slots[i];
    placement.expert_count += totals[i].records;
    placement.expert_bytes += totals[i].records * totals[i].record_bytes;
    placement.resident_bytes += placement.slots[i] * totals[i].record_bytes;
    placement.pool_bytes += placement.slots[i] * Padded(totals[i].record_bytes);
  }
}

// The host tier of a device with memory of its own: all records, if there is room.
uint64_t HostArenaBytes(const PlacementInput& input, const Placement& placement) {
  if (input.options.device != DeviceKind::kEmulated) return 0;
  if (placement.slot_count == placement.expert_count) return 0;
  const uint64_t available = input.memory.available - Reserve(input.memory.available);
  const uint64_t taken = input.card_memory.has_value() ? 0 : placement.device_bytes();
  const uint64_t automatic = available > taken ? available - taken : 0;
  const uint64_t room = input.options.host_memory > 0 ? input.options.host_memory : automatic;
  uint64_t all = 0;
  for (const ClassTotals& totals : TotalsOfClasses(input.experts)) {
    all += totals.records * Padded(totals.record_bytes);
  }
  return std::min(room, all);
}

uint32_t ServedContext(const EngineOptions& options, const ModelConfig& config) {
  if (options.context_size > 0) return options.context_size;
  return config.context_length > 0 ? std::min(config.context_length, kDefaultContext)
                                   : kDefaultContext;
}

}  // namespace

KvType KvTypeOf(const EngineOptions& options) {
  return options.kv_type == KvKind::kF32 ? KvType::kF32 : KvType::kF16;
}

uint32_t MaxStepTokens(const EngineOptions& options) {
  return options.prefill_chunk + options.parallel;
}

Status ValidateOptions(const EngineOptions& options) {
  for (const UnsignedBound& bound : kBounds) {
    const uint32_t value = options.*bound.member;
    if (value >= bound.minimum && value <= bound.maximum) continue;
    return InvalidArgument(std::string(bound.field) + " is " + std::to_string(value) +
                           ", must be between " + std::to_string(bound.minimum) + " and " +
                           std::to_string(bound.maximum));
  }
  if (options.miss_service == MissService::kHost) {
    return Unsupported(
        "miss service 'host' needs a device that is not the CPU itself: there, a miss is computed "
        "by the CPU in any case");
  }
  if (options.device == DeviceKind::kEmulated &&
      (!(options.link_bandwidth > 0) || !std::isfinite(options.link_bandwidth))) {
    return InvalidArgument("link bandwidth is " + std::to_string(options.link_bandwidth) +
                           " bytes per second, must be above 0");
  }
  if (options.device == DeviceKind::kEmulated &&
      (!(options.link_latency >= 0) || options.link_latency > 1)) {
    return InvalidArgument("link latency is " + std::to_string(options.link_latency) +
                           " seconds, must be between 0 and 1");
  }
  return {};
}

namespace {

// All that is not the expert cache, for a context of `context_size` tokens.
Status PlaceFixedParts(const PlacementInput& input, uint32_t context_size, Placement& placement) {
  const EngineOptions& options = input.options;
  placement.context_size = context_size;
  placement.kv_pages = options.parallel * KvPagesFor(context_size);
  const auto kv_bytes =
      CheckedMul<uint64_t>(placement.kv_pages, KvPageBytes(input.config, KvTypeOf(options)));
  if (!kv_bytes.has_value()) {
    return ResourceExhausted("context size " + std::to_string(context_size) +
                             " makes a KV cache that no memory holds");
  }
  const uint64_t row_bytes = std::max<uint64_t>(input.config.vocabulary, 1) * sizeof(float);
  placement.prefill_tokens_all_logits = static_cast<uint32_t>(
      std::clamp<uint64_t>(kAllLogitsBytes / row_bytes, 1, options.prefill_chunk));
  placement.dense_bytes = input.dense_bytes;
  placement.kv_bytes = *kv_bytes;
  placement.workspace_bytes =
      WorkspaceBytes(options, input.config, placement.prefill_tokens_all_logits);
  return {};
}

}  // namespace

Result<Placement> DecidePlacement(const PlacementInput& input) {
  uint32_t context_size = ServedContext(input.options, input.config);
  while (true) {
    Placement placement;
    LimitDevice(input, placement);
    MOIRA_RETURN_IF_ERROR(PlaceFixedParts(input, context_size, placement));
    const uint64_t fixed = placement.device_bytes();
    placement.automatic_expert_bytes =
        placement.device_limit > fixed ? placement.device_limit - fixed : 0;
    PlaceExperts(input, placement);
    placement.host_arena_bytes = HostArenaBytes(input, placement);
    const bool fits = placement.device_bytes() <= placement.device_limit;
    if (fits || input.options.context_size > 0 || context_size / 2 < kMinAutomaticContext) {
      return placement;
    }
    context_size /= 2;
  }
}

Status CheckFits(const EngineOptions& options, const Placement& placement) {
  using cache::FormatBytes;
  if (options.expert_cache.kind == cache::ExpertCacheBudget::Kind::kBytes &&
      options.expert_cache.bytes < placement.pool_bytes) {
    return ResourceExhausted("expert cache is " + FormatBytes(options.expert_cache.bytes) +
                             ", must be at least " + FormatBytes(placement.pool_bytes) +
                             " for this model: the smallest legal pool, which 0% stands for");
  }
  if (placement.device_bytes() <= placement.device_limit) return {};
  return ResourceExhausted(
      "the model needs " + FormatBytes(placement.device_bytes()) + " (dense weights " +
      FormatBytes(placement.dense_bytes) + ", KV cache of " + std::to_string(options.parallel) +
      " x " + std::to_string(placement.context_size) + " tokens " +
      FormatBytes(placement.kv_bytes) + ", workspace " + FormatBytes(placement.workspace_bytes) +
      ", expert slots " + FormatBytes(placement.pool_bytes) + "), but " +
      FormatBytes(placement.device_limit) +
      " may be used: lower --ctx-size, --parallel or --expert-cache, or raise --device-memory");
}

}  // namespace moira::engine
