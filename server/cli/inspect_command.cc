#include <cstdio>
#include <nlohmann/json.hpp>

#include "cache/budget.h"
#include "cache/format/gguf.h"
#include "server/cli/commands.h"
#include "server/cli/config.h"

namespace moira::server {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kShownElements = 8;  // of an array, unless all are asked for

// A metadata value as JSON; long arrays are cut unless `full`.
Json ToJson(const format::MetadataValue& value, bool full) {
  return std::visit(
      [full](const auto& content) -> Json {
        if constexpr (requires {
                        content.begin() + content.size();
                        content[0];
                      } &&
                      !std::is_same_v<std::decay_t<decltype(content)>, std::string>) {
          Json array = Json::array();
          size_t shown = full ? content.size() : std::min(content.size(), kShownElements);
          for (size_t i = 0; i < shown; ++i) array.push_back(content[i]);
          if (shown < content.size()) {
            array.push_back("… " + std::to_string(content.size() - shown) + " more");
          }
          return array;
        } else {
          return content;
        }
      },
      value);
}

Json Describe(const format::Gguf& gguf, bool full) {
  Json out;
  out["version"] = gguf.version();
  out["bytes"] = gguf.total_bytes();
  for (const format::ModelFile& file : gguf.files()) out["files"].push_back(file.path());
  out["metadata"] = Json::object();
  for (const auto& [key, value] : gguf.metadata().entries()) {
    out["metadata"][key] = ToJson(value, full);
  }
  out["tensors"] = Json::array();
  for (const format::TensorInfo& tensor : gguf.tensors()) {
    Json shape = Json::array();
    for (uint32_t i = 0; i < tensor.dimensions; ++i) shape.push_back(tensor.shape[i]);
    out["tensors"].push_back({{"name", tensor.name},
                              {"type", format::GetTensorType(tensor.type).name},
                              {"shape", std::move(shape)},
                              {"file", tensor.file},
                              {"offset", tensor.offset},
                              {"bytes", tensor.bytes}});
  }
  return out;
}

std::string Dump(const Json& json, int indent) {
  // Strings of a file may be any bytes; what is no UTF-8 is shown as the replacement character.
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void Print(const Json& description, uint64_t bytes) {
  std::printf("GGUF version %u, %s, %zu metadata entries, %zu tensors\n\n",
              description["version"].get<unsigned>(), cache::FormatBytes(bytes).c_str(),
              description["metadata"].size(), description["tensors"].size());
  for (const auto& [key, value] : description["metadata"].items()) {
    std::string text = Dump(value, -1);
    constexpr size_t kLine = 160;
    if (text.size() > kLine) text = text.substr(0, kLine) + "…";
    std::printf("%-48s %s\n", key.c_str(), text.c_str());
  }
  std::printf("\n");
  for (const Json& tensor : description["tensors"]) {
    std::printf("%-40s %-8s %-28s %12s\n", tensor["name"].get<std::string>().c_str(),
                tensor["type"].get<std::string>().c_str(), Dump(tensor["shape"], -1).c_str(),
                cache::FormatBytes(tensor["bytes"].get<uint64_t>()).c_str());
  }
}

}  // namespace

Status RunInspect(const std::vector<std::string>& arguments) {
  std::string path;
  bool json = false, full = false;
  std::vector<std::string> positional;
  std::vector<Flag> flags = {
      TextFlag("-m,--model", "FILE", "GGUF file, or any file of a split set", path),
      SwitchFlag("--json", "Print JSON", json),
      SwitchFlag("--full", "Print arrays whole", full),
  };
  MOIRA_ASSIGN_OR_RETURN(
      bool run,
      Configure({"inspect", "List what a model file contains", arguments}, flags, &positional));
  if (!run) return {};
  if (path.empty() && !positional.empty()) path = positional[0];
  if (path.empty()) return InvalidArgument("--model is missing: which file shall be inspected?");
  MOIRA_ASSIGN_OR_RETURN(format::Gguf gguf, format::Gguf::Open(path));
  Json description = Describe(gguf, full);
  if (json) {
    std::puts(Dump(description, 2).c_str());
  } else {
    Print(description, gguf.total_bytes());
  }
  return {};
}

}  // namespace moira::server
