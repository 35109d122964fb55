#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"

namespace moira::server {

// A subcommand of `moira`.
struct Command {
  std::string_view name;
  std::string_view summary;
  Status (*run)(const std::vector<std::string>& arguments);
};

Status RunServe(const std::vector<std::string>& arguments);
Status RunChat(const std::vector<std::string>& arguments);
Status RunBench(const std::vector<std::string>& arguments);
Status RunPerplexity(const std::vector<std::string>& arguments);
Status RunInspect(const std::vector<std::string>& arguments);
Status RunPlan(const std::vector<std::string>& arguments);

std::span<const Command> Commands();

}  // namespace moira::server
