#include <algorithm>
#include <exception>
#include <string>

#include "engine/expert_locality.h"
#include "engine/model_loader.h"
#include "engine/planned_machine.h"
#include "engine/speed_model.h"

namespace moira::engine {
namespace {

constexpr double kLowResidency = 0.25;

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
  plan.device_limit = placement.device_limit;
  plan.device_reserve = placement.device_reserve;
  plan.context_size = placement.context_size;
  plan.expert_slots = placement.slot_count;
  plan.expert_count = placement.expert_count;
  plan.residency = placement.residency();
  plan.dense_bytes_per_token = DenseBytesPerToken(model);
  plan.expert_bytes_per_token = ExpertBytesPerToken(model);
}

// Share of the misses' bytes that have no place in a host arena.
double FileShare(const EngineOptions& options, const Placement& placement) {
  const uint64_t not_resident = placement.expert_bytes - placement.resident_bytes;
  if (not_resident == 0) return 0;
  if (options.device != DeviceKind::kEmulated) return 1;
  const double in_arena =
      static_cast<double>(placement.host_arena_bytes) / static_cast<double>(not_resident);
  return std::max(0.0, 1 - in_arena);
}

size_t ChosenPath(MissService service, size_t paths) {
  if (paths == 1 || service == MissService::kFetch) return 0;
  return service == MissService::kHost ? 1 : 2;
}

void EstimateSpeed(const PlannedMachine& machine, const OpenedModel& model, PlacementPlan& plan) {
  SpeedEstimate& speed = plan.speed;
  speed.hardware = machine.name;
  speed.source = machine.source;
  speed.rates = machine.rates;
  speed.file_share = FileShare(machine.options, model.placement);
  speed.low_hit_rate = plan.residency;
  LocalityEstimate locality = ExpectedHitRate(model.config.architecture, model.config.experts,
                                              model.config.experts_per_token, plan.residency);
  speed.high_hit_rate = locality.hit_rate;
  speed.high_hit_rate_from = std::move(locality.measured_on);

  TokenDemand demand;
  demand.dense_bytes = static_cast<double>(plan.dense_bytes_per_token);
  demand.expert_bytes = static_cast<double>(plan.expert_bytes_per_token);
  demand.file_share = speed.file_share;
  const auto at = [&](double hit_rate, MissPath path) {
    demand.hit_rate = hit_rate;
    return TokensPerSecond(machine.rates, demand, path);
  };
  // A unified device computes every miss where it has put it.
  const bool unified = machine.options.device != DeviceKind::kEmulated;
  for (MissPath path : {MissPath::kFetch, MissPath::kHost, MissPath::kBoth}) {
    if (unified && path != MissPath::kFetch) continue;
    speed.ranges.push_back({path, at(speed.low_hit_rate, path), at(speed.high_hit_rate, path)});
  }
  speed.chosen = ChosenPath(machine.options.miss_service, speed.ranges.size());
  speed.all_resident = at(1, MissPath::kFetch);
}

void AddWarnings(const PlannedMachine& machine, const OpenedModel& model, PlacementPlan& plan) {
  const Placement& placement = model.placement;
  const ModelConfig& config = model.config;
  if (placement.context_size > config.context_length) {
    plan.warnings.push_back("context size " + std::to_string(placement.context_size) +
                            " is more than the model was trained for (" +
                            std::to_string(config.context_length) + ")");
  }
  if (machine.at_hand && machine.options.device == DeviceKind::kEmulated) {
    plan.warnings.push_back("the link is emulated: its speed is what the flags say");
  }
  if (placement.residency() < kLowResidency) {
    plan.warnings.push_back(
        "less than a quarter of the experts is resident: most of a token's "
        "time will go into fetching");
  }
  const uint64_t working_set = uint64_t{config.experts_per_token} * model.experts.size();
  if (placement.slot_count < std::min(working_set, placement.expert_count)) {
    plan.warnings.push_back("the " + std::to_string(placement.slot_count) +
                            " slots hold less than one token's " + std::to_string(working_set) +
                            " experts: hardly any will stay until the next token");
  }
}

Result<PlacementPlan> MakePlan(const EngineOptions& options, const HardwareChoice& hardware) {
  MOIRA_ASSIGN_OR_RETURN(PlannedMachine machine, ChooseMachine(options, hardware));
  MOIRA_ASSIGN_OR_RETURN(const OpenedModel model, InspectModel(machine.options, machine.memory));
  PlacementPlan plan;
  AddLines(machine.options, model, plan);
  plan.fits = CheckFits(machine.options, model.placement);
  if (!plan.fits.ok()) return plan;
  MOIRA_RETURN_IF_ERROR(MeasureRates(model, machine));
  EstimateSpeed(machine, model, plan);
  AddWarnings(machine, model, plan);
  return plan;
}

}  // namespace

Result<PlacementPlan> PlanPlacement(const EngineOptions& options, const HardwareChoice& hardware) {
  try {
    return MakePlan(options, hardware);
  } catch (const std::exception& error) {
    return ResourceExhausted(std::string("planning failed: ") + error.what());
  }
}

}  // namespace moira::engine
