#include <algorithm>
#include <cmath>
#include <memory>

#include "cache/budget.h"
#include "cache/device/log.h"
#include "cache/format/model_file.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"
#include "server/cli/load_engine.h"
#include "server/cli/signals.h"
#include "server/server.h"

namespace moira::server {
namespace {

struct ServeOptions {
  engine::EngineOptions engine;
  ServerOptions server;
  uint32_t port = 8411;
  std::string api_key_file;
  uint32_t drain_seconds = 30;
};

std::vector<Flag> ServeFlags(ServeOptions& options) {
  std::vector<Flag> flags = EngineFlags(options.engine);
  flags.push_back(TextFlag("--host", "ADDRESS",
                           "Address to listen on (127.0.0.1); others than loopback need a key",
                           options.server.host));
  flags.push_back(
      NumberFlag("--port", "Port to listen on; 0: any free one (8411)", options.port, 0, 65535));
  flags.push_back(TextFlag("-a,--alias", "NAME", "What clients call the model (its file's name)",
                           options.server.alias));
  flags.push_back(TextFlag("--api-key-file", "FILE",
                           "File with one accepted key a line; MOIRA_API_KEY holds a single one",
                           options.api_key_file));
  flags.push_back({"--cors-origin", "ORIGIN",
                   "Origin that browsers may call from, exact; more with commas (none)",
                   [&options](const std::string& text) -> Status {
                     for (size_t begin = 0; begin <= text.size();) {
                       size_t end = std::min(text.find(',', begin), text.size());
                       if (end > begin) {
                         options.server.cors_origins.push_back(text.substr(begin, end - begin));
                       }
                       begin = end + 1;
                     }
                     return {};
                   }});
  flags.push_back(NumberFlag("--drain-seconds",
                             "After SIGTERM: how long running answers may take (30)",
                             options.drain_seconds, 0, 86400));
  for (Flag& flag : LogFlags()) flags.push_back(std::move(flag));
  return flags;
}

// Keys are lines; empty ones and those that begin with # do not count.
Status ReadKeys(const std::string& path, std::vector<std::string>& keys) {
  constexpr uint64_t kMaximumKeyFile = 1 << 20;
  MOIRA_ASSIGN_OR_RETURN(format::ModelFile file, format::ModelFile::Open(path));
  if (file.size() > kMaximumKeyFile) {
    return InvalidArgument("--api-key-file: " + path + " has " + std::to_string(file.size()) +
                           " bytes, at most " + std::to_string(kMaximumKeyFile));
  }
  std::string text(file.size(), '\0');
  MOIRA_RETURN_IF_ERROR(file.ReadAt(0, std::as_writable_bytes(std::span(text))));
  size_t before = keys.size();
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line[0] != '#') keys.push_back(std::move(line));
    begin = end + 1;
  }
  if (keys.size() == before) return InvalidArgument("--api-key-file: " + path + " holds no key");
  return {};
}

void LogModel(const engine::Engine& engine, const std::string& url) {
  const engine::ModelInfo& model = engine.model();
  prefetch::ProviderStats experts = engine.stats().experts;
  LogInfo(model.name + " (" + model.architecture + ", " + cache::FormatBytes(model.file_bytes) +
          ") on " + model.device + ", " + model.instruction_set + ", " +
          std::to_string(model.threads) + " threads, context " +
          std::to_string(model.context_size));
  if (model.experts > 0) {
    LogInfo("experts: room for " + std::to_string(experts.slots) + " of " +
            std::to_string(experts.experts) + " (" + cache::FormatBytes(experts.slot_bytes) +
            " of " + cache::FormatBytes(experts.expert_bytes) + ")");
  }
  if (!engine.chat_template_status().ok()) {
    LogWarning("chat completions are refused: " + engine.chat_template_status().message());
  }
  LogInfo("ready: " + url + "/v1");
}

Status Serve(const ServeOptions& options) {
  StopSignals signals;
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Server::Start(options.server));
  LogInfo("listening on " + server->url() + ", loading " + options.engine.model_path);
  Result<std::unique_ptr<engine::Engine>> engine =
      LoadEngine(options.engine, [&](uint64_t done, uint64_t total) {
        server->SetLoadProgress(done, total);
        return !signals.requested();
      });
  if (!engine.ok()) {
    if (signals.requested()) return {};  // stopped while loading: as wished
    return engine.status();
  }
  server->AttachEngine(engine->get());
  LogModel(**engine, server->url());
  signals.Wait();
  LogInfo("stopping: running answers have " + std::to_string(options.drain_seconds) + " s");
  bool complete = server->Drain(std::chrono::seconds(options.drain_seconds));
  server->Stop();
  if (!complete) {
    LogWarning("the time was over: unfinished answers were cancelled");
    return {};
  }
  LogInfo("stopped");
  return {};
}

}  // namespace

Status RunServe(const std::vector<std::string>& arguments) {
  ServeOptions options;
  std::vector<Flag> flags = ServeFlags(options);
  MOIRA_ASSIGN_OR_RETURN(
      bool run, Configure({"serve", "Serve a model through the OpenAI API", arguments}, flags));
  if (!run) return {};
  options.server.port = static_cast<uint16_t>(options.port);
  options.server.parallel = options.engine.parallel;
  options.server.max_queued = options.engine.max_queued;
  if (auto key = EnvironmentVariable("MOIRA_API_KEY"); key && !key->empty()) {
    options.server.api_keys.push_back(*key);
  }
  if (!options.api_key_file.empty()) {
    MOIRA_RETURN_IF_ERROR(ReadKeys(options.api_key_file, options.server.api_keys));
  }
  return Serve(options);
}

}  // namespace moira::server
