#include <cstdio>

#include "server/cli/commands.h"
#include "server/cli/config.h"
#include "server/cli/plan_report.h"

namespace moira::server {
namespace {

std::vector<Flag> HardwareFlags(engine::HardwareChoice& hardware) {
  return {
      TextFlag("--hardware", "NAME",
               "Plan for hardware that is not at hand: " + engine::HardwareNames(),
               hardware.profile),
      RateFlag("--link", "Its rate from host memory to the device, as 12GB/s",
               hardware.link_bandwidth),
      RateFlag("--host-bandwidth", "Its host memory's rate, as the CPU reads it",
               hardware.host_bandwidth),
      RateFlag("--device-bandwidth", "Its device memory's rate", hardware.device_bandwidth),
  };
}

}  // namespace

Status RunPlan(const std::vector<std::string>& arguments) {
  engine::EngineOptions options;
  engine::HardwareChoice hardware;
  bool json = false;
  std::vector<Flag> flags = EngineFlags(options);
  for (Flag& flag : HardwareFlags(hardware)) flags.push_back(std::move(flag));
  flags.push_back(SwitchFlag("--json", "Print JSON", json));
  MOIRA_ASSIGN_OR_RETURN(
      bool run,
      Configure({"plan", "Say where every byte would go, without loading", arguments}, flags));
  if (!run) return {};
  if (options.model_path.empty()) {
    return InvalidArgument("--model is missing: which GGUF file is to be planned for?");
  }
  MOIRA_ASSIGN_OR_RETURN(engine::PlacementPlan plan, engine::PlanPlacement(options, hardware));
  if (json) {
    std::puts(PlanJson(plan).c_str());
  } else {
    std::fputs(PlanTable(plan).c_str(), stdout);
    if (plan.fits.ok()) std::fputs(SpeedTable(plan).c_str(), stdout);
  }
  return plan.fits;
}

}  // namespace moira::server
