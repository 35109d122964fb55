#include "server/cli/load_engine.h"

#include <cstdio>

#include "server/cli/plan_report.h"
#include "server/cli/progress_bar.h"

namespace moira::server {
namespace {

// The table behind an error that can only name its sums.
void ShowWhatDoesNotFit(const engine::EngineOptions& options) {
  const Result<engine::PlacementPlan> plan = engine::PlanPlacement(options);
  if (plan.ok() && !plan->fits.ok()) std::fputs(PlanTable(*plan).c_str(), stderr);
}

}  // namespace

Result<std::unique_ptr<engine::Engine>> LoadEngine(
    const engine::EngineOptions& options,
    std::function<bool(uint64_t done, uint64_t total)> heard) {
  if (options.model_path.empty()) {
    return InvalidArgument("--model is missing: which GGUF file shall be loaded?");
  }
  Result<std::unique_ptr<engine::Engine>> engine = [&] {
    ProgressBar bar("loading");
    return engine::Engine::Load(options, [&](uint64_t done, uint64_t total) {
      bar.Update(done, total);
      return !heard || heard(done, total);
    });
  }();
  if (engine.status().code() == StatusCode::kResourceExhausted) ShowWhatDoesNotFit(options);
  return engine;
}

}  // namespace moira::server
