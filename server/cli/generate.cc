#include "server/cli/generate.h"

namespace moira::server {

Result<Generation> Generate(engine::Engine& engine, engine::GenerateRequest request) {
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<engine::TokenStream> stream,
                         engine.Submit(std::move(request)));
  Generation generation;
  while (true) {
    engine::TokenStream::Event event = stream->Pop(std::chrono::milliseconds(1000));
    using Kind = engine::TokenStream::Event::Kind;
    switch (event.kind) {
      case Kind::kTimeout:
        break;
      case Kind::kPrompt:
        std::move(event.prompt.begin(), event.prompt.end(), std::back_inserter(generation.prompt));
        break;
      case Kind::kToken:
        generation.tokens.push_back(std::move(event.token));
        break;
      case Kind::kEnd:
        if (event.reason == engine::FinishReason::kError) return event.status;
        generation.timings = event.timings;
        return generation;
    }
  }
}

}  // namespace moira::server
