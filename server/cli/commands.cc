#include "server/cli/commands.h"

namespace moira::server {

std::span<const Command> Commands() {
  static constexpr Command kCommands[] = {
      {"serve", "Serve a model through the OpenAI API", RunServe},
      {"chat", "Talk to a running server, or to a model file", RunChat},
      {"bench", "Measure prefill and decode speed of a model here", RunBench},
      {"perplexity", "Score a text file with a model", RunPerplexity},
      {"inspect", "List what a model file contains", RunInspect},
      {"plan", "Say where every byte would go, without loading", RunPlan},
  };
  return kCommands;
}

}  // namespace moira::server
