#include "server/cli/load_engine.h"

#include "server/cli/progress_bar.h"

namespace moira::server {

Result<std::unique_ptr<engine::Engine>> LoadEngine(
    const engine::EngineOptions& options,
    std::function<bool(uint64_t done, uint64_t total)> heard) {
  if (options.model_path.empty()) {
    return InvalidArgument("--model is missing: which GGUF file shall be loaded?");
  }
  ProgressBar bar("loading");
  return engine::Engine::Load(options, [&](uint64_t done, uint64_t total) {
    bar.Update(done, total);
    return !heard || heard(done, total);
  });
}

}  // namespace moira::server
