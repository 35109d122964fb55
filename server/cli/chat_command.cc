#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/device/log.h"
#include "server/cli/chat_client.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"
#include "server/cli/load_engine.h"
#include "server/server.h"

namespace moira::server {
namespace {

using Json = nlohmann::ordered_json;

struct ChatOptions {
  engine::EngineOptions engine;
  ChatSettings client;
  std::string system;
  bool json = false;
};

// "42 tokens, 31.2 per second, experts 93 % resident", of what the server sent.
std::string TimingsText(const std::string& timings) {
  Json json = Json::parse(timings, nullptr, false);
  if (!json.is_object() || !json.contains("predicted_n")) return "";
  char text[160];
  int length =
      std::snprintf(text, sizeof text, "%.0f tokens, %.1f per second",
                    json.value("predicted_n", 0.0), json.value("predicted_per_second", 0.0));
  std::string line(text, static_cast<size_t>(length));
  double hits = json.value("expert_hits", 0.0), misses = json.value("expert_misses", 0.0);
  if (hits + misses > 0) {
    std::snprintf(text, sizeof text, ", experts %.0f %% resident", 100 * hits / (hits + misses));
    line += text;
  }
  return line;
}

Status Ask(ChatClient& client, const std::string& message, bool json) {
  MOIRA_ASSIGN_OR_RETURN(ChatReply reply, client.Say(message, [json](std::string_view text) {
    if (json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }));
  if (json) {
    Json timings = Json::parse(reply.timings, nullptr, false);
    Json out = {{"text", reply.text},
                {"finish_reason", reply.finish_reason},
                {"timings", timings.is_discarded() ? Json() : timings}};
    std::puts(out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return {};
  }
  std::printf("\n");
  std::string timings = TimingsText(reply.timings);
  if (!timings.empty() && isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "(%s%s)\n", timings.c_str(),
                 reply.finish_reason == "length" ? ", cut at --max-tokens" : "");
  }
  return {};
}

// Lines from standard input until it ends; "/new" forgets the conversation, "/exit" leaves.
Status Converse(ChatClient& client, const ChatOptions& options) {
  bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::fputs("Type a message; /new starts over, /exit leaves.\n", stderr);
  std::string line;
  while (true) {
    if (terminal) std::fputs("> ", stderr);
    if (!std::getline(std::cin, line) || line == "/exit") return {};
    if (line.empty()) continue;
    if (line == "/new") {
      client.SetSystem(options.system);
      continue;
    }
    Status status = Ask(client, line, options.json);
    if (status.code() == StatusCode::kInvalidArgument && terminal) {
      std::fprintf(stderr, "%s\n", status.message().c_str());  // the next message may be better
    } else if (!status.ok()) {
      return status;
    }
  }
}

Status Chat(const ChatOptions& options, const std::vector<std::string>& words) {
  ChatClient client(options.client);
  MOIRA_RETURN_IF_ERROR(client.CheckReady());
  client.SetSystem(options.system);
  if (words.empty()) return Converse(client, options);
  std::string message;
  for (const std::string& word : words) message += (message.empty() ? "" : " ") + word;
  return Ask(client, message, options.json);
}

}  // namespace

Status RunChat(const std::vector<std::string>& arguments) {
  ChatOptions options;
  double temperature = options.client.temperature;
  std::vector<Flag> flags = EngineFlags(options.engine);
  flags.push_back(
      TextFlag("--url", "URL", "Server to talk to (http://127.0.0.1:8411)", options.client.url));
  flags.push_back(TextFlag("--system", "TEXT", "System message", options.system));
  flags.push_back(NumberFlag("--max-tokens", "Tokens of an answer at most (512)",
                             options.client.max_tokens, 1, 1u << 20));
  flags.push_back(RealFlag("--temperature", "0: always the likeliest token (the server's default)",
                           temperature, 0, 2));
  flags.push_back(SwitchFlag("--json", "Print each answer as JSON with its timings", options.json));
  std::vector<std::string> words;
  MOIRA_ASSIGN_OR_RETURN(
      bool run,
      Configure({"chat", "Talk to a running server, or, with --model, to a model file", arguments},
                flags, &words));
  if (!run) return {};
  options.client.temperature = temperature;
  options.client.api_key = EnvironmentVariable("MOIRA_API_KEY").value_or("");
  if (options.engine.model_path.empty()) return Chat(options, words);

  // With a model file: the same client, to a server of its own on a free loopback port.
  ConfigureLog(LogLevel::kWarning, LogFormat::kText);
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<engine::Engine> engine, LoadEngine(options.engine));
  ServerOptions server_options;
  server_options.port = 0;
  if (!options.client.api_key.empty()) server_options.api_keys.push_back(options.client.api_key);
  MOIRA_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Server::Start(server_options));
  server->AttachEngine(engine.get());
  options.client.url = server->url();
  Status status = Chat(options, words);
  server->Stop();
  return status;
}

}  // namespace moira::server
