#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cache/device/status.h"
#include "server/cli/flags.h"

namespace moira::server {

// What a command is called with.
struct CommandLine {
  std::string command;      // "serve"
  std::string description;  // one line
  std::vector<std::string> arguments;
};

// Sets all flags from, in falling precedence, the command line, the environment and the file named
// by --config (lines `long-name = value`, as TOML or INI). True when the command shall run; false
// when the help text was printed instead. `positional` (may be null) takes what is no flag.
// kInvalidArgument names the source of the bad value.
Result<bool> Configure(const CommandLine& line, const std::vector<Flag>& flags,
                       std::vector<std::string>* positional = nullptr);

// A variable of the environment. The only place where the environment is read.
std::optional<std::string> EnvironmentVariable(const std::string& name);

}  // namespace moira::server
