#include <cstdio>
#include <nlohmann/json.hpp>

#include "cache/budget.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"

namespace moira::server {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const engine::PlacementPlan& plan) {
  Json lines = Json::array();
  for (const engine::PlacementPlan::Line& line : plan.lines) {
    lines.push_back({{"what", line.what}, {"where", line.where}, {"bytes", line.bytes}});
  }
  return {{"lines", std::move(lines)},
          {"device_bytes", plan.device_bytes},
          {"host_bytes", plan.host_bytes},
          {"file_bytes", plan.file_bytes},
          {"expert_slots", plan.expert_slots},
          {"expert_count", plan.expert_count},
          {"residency", plan.residency},
          {"dense_bytes_per_token", plan.dense_bytes_per_token},
          {"expert_bytes_per_token", plan.expert_bytes_per_token},
          {"memory_bytes_per_second", plan.memory_bytes_per_second},
          {"cold_bytes_per_second", plan.cold_bytes_per_second},
          {"expected_tokens_per_second", plan.expected_tokens_per_second},
          {"warnings", plan.warnings}};
}

void Print(const engine::PlacementPlan& plan) {
  for (const engine::PlacementPlan::Line& line : plan.lines) {
    std::printf("%-32s %-8s %12s\n", line.what.c_str(), line.where.c_str(),
                cache::FormatBytes(line.bytes).c_str());
  }
  std::printf("\nexperts resident: %llu of %llu (%.1f %% of their bytes)\n",
              static_cast<unsigned long long>(plan.expert_slots),
              static_cast<unsigned long long>(plan.expert_count), plan.residency * 100);
  std::printf("read per token: %s dense, %s experts\n",
              cache::FormatBytes(plan.dense_bytes_per_token).c_str(),
              cache::FormatBytes(plan.expert_bytes_per_token).c_str());
  std::printf("measured: memory %.1f GB/s, cold tier %.2f GB/s\n",
              plan.memory_bytes_per_second / 1e9, plan.cold_bytes_per_second / 1e9);
  std::printf("decode, one sequence, at the limit that the bytes set: %.1f tokens/s\n",
              plan.expected_tokens_per_second);
  for (const std::string& warning : plan.warnings) std::printf("warning: %s\n", warning.c_str());
}

}  // namespace

Status RunPlan(const std::vector<std::string>& arguments) {
  engine::EngineOptions options;
  bool json = false;
  std::vector<Flag> flags = EngineFlags(options);
  flags.push_back(SwitchFlag("--json", "Print JSON", json));
  MOIRA_ASSIGN_OR_RETURN(
      bool run,
      Configure({"plan", "Say where every byte would go, without loading", arguments}, flags));
  if (!run) return {};
  if (options.model_path.empty()) {
    return InvalidArgument("--model is missing: which GGUF file is to be planned for?");
  }
  MOIRA_ASSIGN_OR_RETURN(engine::PlacementPlan plan, engine::PlanPlacement(options));
  if (json) {
    std::puts(ToJson(plan).dump(2).c_str());
  } else {
    Print(plan);
  }
  return {};
}

}  // namespace moira::server
