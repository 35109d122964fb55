#include "server/cli/config.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace moira::server {
namespace {

using FileValues = std::map<std::string, std::string>;

Result<FileValues> ReadConfigFile(const std::string& path, const std::vector<Flag>& flags) {
  FileValues values;
  try {
    for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_file(path)) {
      if (item.inputs.size() != 1) {
        return InvalidArgument(path + ": " + item.fullname() + " wants one value");
      }
      values[item.fullname()] = item.inputs[0];
    }
  } catch (const CLI::Error& error) {
    return InvalidArgument("--config: " + std::string(error.what()));
  }
  for (const auto& [key, value] : values) {
    bool known = std::any_of(flags.begin(), flags.end(),
                             [&key](const Flag& flag) { return flag.long_name() == key; });
    if (!known) return InvalidArgument(path + ": no flag is called \"" + key + "\"");
  }
  return values;
}

Status Set(const Flag& flag, const std::string& source, const std::string& value) {
  Status status = flag.set(value);
  return status.ok() ? status : Status(status.code(), source + ": " + status.message());
}

}  // namespace

Result<bool> Configure(const CommandLine& line, const std::vector<Flag>& flags,
                       std::vector<std::string>* positional) {
  CLI::App app(line.description, "moira " + line.command);
  app.footer(
      "Each flag is also an environment variable (MOIRA_CTX_SIZE for --ctx-size) and a line\n"
      "\"ctx-size = 4096\" of the file that --config names; flags win over both.");
  std::vector<std::string> values(flags.size());
  std::vector<CLI::Option*> options;
  for (size_t i = 0; i < flags.size(); ++i) {
    const Flag& flag = flags[i];
    // CLI11 knows short names of one letter only; "-np" is matched below.
    std::string names = "--" + flag.long_name();
    if (flag.names.size() > 3 && flag.names[0] == '-' && flag.names[2] == ',') {
      names = flag.names.substr(0, 3) + names;
    }
    CLI::Option* option = flag.value.empty()
                              ? app.add_flag_callback(
                                    names, [&values, i] { values[i] = "1"; }, flag.help)
                              : app.add_option(names, values[i], flag.help);
    if (!flag.value.empty()) option->type_name(flag.value)->take_last();
    options.push_back(option);
  }
  std::string config_path;
  app.add_option("--config", config_path, "File with values for these flags")->type_name("FILE");
  if (positional != nullptr) app.add_option("message", *positional)->type_name("TEXT");

  std::vector<std::string> arguments(line.arguments.rbegin(), line.arguments.rend());
  for (std::string& argument : arguments) {
    for (const Flag& flag : flags) {  // "-np" and the like, as users of llama.cpp type them
      std::string alias = flag.names.substr(0, flag.names.find(','));
      if (argument == alias && alias.size() > 2) argument = "--" + flag.long_name();
    }
  }
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(std::string(error.what()) + " (see moira " + line.command + " --help)");
  }

  if (config_path.empty()) config_path = EnvironmentVariable("MOIRA_CONFIG").value_or("");
  FileValues file;
  if (!config_path.empty()) {
    MOIRA_ASSIGN_OR_RETURN(file, ReadConfigFile(config_path, flags));
  }
  for (size_t i = 0; i < flags.size(); ++i) {
    const Flag& flag = flags[i];
    if (options[i]->count() > 0) {
      MOIRA_RETURN_IF_ERROR(Set(flag, "--" + flag.long_name(), values[i]));
    } else if (auto variable = EnvironmentVariable(flag.environment_name())) {
      MOIRA_RETURN_IF_ERROR(Set(flag, flag.environment_name(), *variable));
    } else if (auto entry = file.find(flag.long_name()); entry != file.end()) {
      MOIRA_RETURN_IF_ERROR(Set(flag, config_path + ": " + entry->first, entry->second));
    }
  }
  return true;
}

std::optional<std::string> EnvironmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace moira::server
