#include <algorithm>
#include <exception>
#include <string>

#include "engine/measure.h"
#include "engine/model_loader.h"

namespace moira::engine {
namespace {

constexpr uint64_t kDefaultReadBytes = 1 << 20;  // for a dense model, which has no records

// Bytes of one token's experts, were none resident.
uint64_t ExpertBytesPerToken(const OpenedModel& model) {
  uint64_t bytes = 0;
  for (const cache::LayerRecords& layer : model.experts) {
    bytes += layer.record_bytes * model.config.experts_per_token;
  }
  return bytes;
}

// Every dense weight is read for every token, but for the rows of an input embedding that is not
// also the output matrix.
uint64_t DenseBytesPerToken(const OpenedModel& model) {
  const format::TensorInfo* embedding = model.gguf.FindTensor("token_embd.weight");
  const bool tied = model.gguf.FindTensor("output.weight") == nullptr;
  return model.placement.dense_bytes - (embedding == nullptr || tied ? 0 : embedding->bytes);
}

void AddLines(const EngineOptions& options, const OpenedModel& model, PlacementPlan& plan) {
  const Placement& placement = model.placement;
  const auto add = [&](std::string what, std::string where, uint64_t bytes) {
    if (bytes > 0) plan.lines.push_back({std::move(what), std::move(where), bytes});
  };
  add("dense weights", "device", placement.dense_bytes);
  add("KV cache, " + std::to_string(options.parallel) + " x " +
          std::to_string(placement.context_size) + " tokens",
      "device", placement.kv_bytes);
  add("workspace", "device", placement.workspace_bytes);
  add("routed experts, resident", "device", placement.pool_bytes);
  const uint64_t not_resident = placement.expert_bytes - placement.resident_bytes;
  const uint64_t in_arena = std::min(placement.host_arena_bytes, placement.expert_bytes);
  add("routed experts, host arena", "host", placement.host_arena_bytes);
  add("routed experts, cold", "file", not_resident > in_arena ? not_resident - in_arena : 0);
  for (const PlacementPlan::Line& line : plan.lines) {
    (line.where == "device" ? plan.device_bytes
     : line.where == "host" ? plan.host_bytes
                            : plan.file_bytes) += line.bytes;
  }
}

// What a byte of a missing expert costs to bring in: from the file, over the link, or both in turn.
double ColdRate(const EngineOptions& options, const Placement& placement, double file_rate) {
  if (options.device != DeviceKind::kEmulated) return file_rate;
  const uint64_t not_resident = placement.expert_bytes - placement.resident_bytes;
  const double from_file = placement.host_arena_bytes >= not_resident || not_resident == 0
                               ? 0
                               : 1 - static_cast<double>(placement.host_arena_bytes) / not_resident;
  return 1 / (1 / options.link_bandwidth + from_file / file_rate);
}

// The speed that the bytes of a token allow, if experts are used evenly: a real router's favourites
// are resident more often than that.
double ExpectedRate(const PlacementPlan& plan) {
  const double cold = static_cast<double>(plan.expert_bytes_per_token) * (1 - plan.residency);
  const double read = static_cast<double>(plan.dense_bytes_per_token + plan.expert_bytes_per_token);
  const double seconds =
      read / plan.memory_bytes_per_second + (cold > 0 ? cold / plan.cold_bytes_per_second : 0);
  return seconds > 0 ? 1 / seconds : 0;
}

void AddWarnings(const EngineOptions& options, const OpenedModel& model, PlacementPlan& plan) {
  const Placement& placement = model.placement;
  if (placement.context_size > model.config.context_length) {
    plan.warnings.push_back("context size " + std::to_string(placement.context_size) +
                            " is more than the model was trained for (" +
                            std::to_string(model.config.context_length) + ")");
  }
  if (options.device == DeviceKind::kEmulated) {
    plan.warnings.push_back("the link is emulated: its speed is what the flags say");
  }
  constexpr double kLowResidency = 0.25;
  if (placement.residency() < kLowResidency) {
    plan.warnings.push_back(
        "less than a quarter of the experts is resident: most of a token's "
        "time will go into fetching");
  }
}

Result<PlacementPlan> MakePlan(const EngineOptions& options) {
  MOIRA_ASSIGN_OR_RETURN(const OpenedModel model, OpenModel(options));
  const Placement& placement = model.placement;
  PlacementPlan plan;
  AddLines(options, model, plan);
  plan.expert_slots = placement.slot_count;
  plan.expert_count = placement.expert_count;
  plan.residency = placement.residency();
  plan.dense_bytes_per_token = DenseBytesPerToken(model);
  plan.expert_bytes_per_token = ExpertBytesPerToken(model);
  const auto threads = MakeThreadPool(options);
  MOIRA_ASSIGN_OR_RETURN(plan.memory_bytes_per_second, MeasureMemoryRate(*threads));
  const uint64_t read_bytes =
      model.experts.empty() ? kDefaultReadBytes : model.experts.front().record_bytes;
  MOIRA_ASSIGN_OR_RETURN(const double file_rate, MeasureFileRate(model.gguf.files(), read_bytes));
  plan.cold_bytes_per_second = ColdRate(options, placement, file_rate);
  plan.expected_tokens_per_second = ExpectedRate(plan);
  AddWarnings(options, model, plan);
  return plan;
}

}  // namespace

Result<PlacementPlan> PlanPlacement(const EngineOptions& options) {
  try {
    return MakePlan(options);
  } catch (const std::exception& error) {
    return ResourceExhausted(std::string("planning failed: ") + error.what());
  }
}

}  // namespace moira::engine
