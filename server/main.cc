#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "server/cli/commands.h"
#include "server/cli/exit_code.h"

namespace {

using namespace moira;

int Help(std::FILE* out) {
  std::fputs(
      "moira: serves mixture-of-experts models that are larger than the GPU\n\n"
      "Usage: moira COMMAND [FLAGS]     (moira COMMAND --help lists the flags)\n\n",
      out);
  for (const server::Command& command : server::Commands()) {
    std::fprintf(out, "  %-12s %s\n", std::string(command.name).c_str(),
                 std::string(command.summary).c_str());
  }
  std::fputs("\n  --version    Print the version\n", out);
  return out == stdout ? 0 : server::ExitCode(StatusCode::kInvalidArgument);
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return Help(stderr);
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") return Help(stdout);
  if (name == "--version" || name == "version") {
    std::puts("moira " MOIRA_VERSION);
    return 0;
  }
  for (const server::Command& command : server::Commands()) {
    if (command.name == name) {
      return server::Report(command.run({arguments.begin() + 1, arguments.end()}));
    }
  }
  return server::Report(InvalidArgument("\"" + name + "\" is no command; see moira --help"));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    return server::Report(InternalError(error.what()));
  }
}
