#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/device/status.h"
#include "engine/engine.h"

namespace moira::server {

// One thing a user can set: at once a flag, an environment variable (MOIRA_ and the long name in
// capitals) and a key of the configuration file, with one parser for all three.
struct Flag {
  std::string names;  // "-m,--model"; the last one is the long name
  std::string value;  // "FILE"; empty for a switch
  std::string help;   // one or two lines, with the default
  // Parses and stores a value; its error says what is wrong with it, without the flag's name.
  std::function<Status(const std::string& value)> set;

  std::string long_name() const;         // "model"
  std::string environment_name() const;  // "MOIRA_MODEL"
};

// Makers of flags for the common kinds of values; `target` must outlive the flag.
Flag TextFlag(std::string names, std::string value, std::string help, std::string& target);
Flag SwitchFlag(std::string names, std::string help, bool& target);
Flag SizeFlag(std::string names, std::string help, uint64_t& target);  // bytes, "auto" = 0
Flag RateFlag(std::string names, std::string help, double& target);    // bytes per second
Flag NumberFlag(std::string names, std::string help, uint32_t& target, uint32_t minimum,
                uint32_t maximum);
Flag RealFlag(std::string names, std::string help, double& target, double minimum, double maximum);

// A flag with a closed set of values.
template <typename Enum>
Flag ChoiceFlag(std::string names, std::string help, Enum& target,
                std::initializer_list<std::pair<const char*, Enum>> choices) {
  std::vector<std::pair<std::string, Enum>> table(choices.begin(), choices.end());
  std::string value;
  for (const auto& [name, choice] : table) value += (value.empty() ? "" : "|") + name;
  auto set = [&target, table = std::move(table), value](const std::string& text) -> Status {
    for (const auto& [name, choice] : table) {
      if (name == text) {
        target = choice;
        return {};
      }
    }
    return InvalidArgument("\"" + text + "\" is none of " + value);
  };
  return {std::move(names), value, std::move(help), std::move(set)};
}

// The flags of everything that loads a model, the same for all commands.
std::vector<Flag> EngineFlags(engine::EngineOptions& options);
// The flags of logging; they take effect at once.
std::vector<Flag> LogFlags();

}  // namespace moira::server
