#include <string>

#include "prefetch/expert_provider.h"

namespace moira::prefetch {
namespace {

struct ModeName {
  std::string_view name;
  PrefetchMode mode;
};

constexpr ModeName kModes[] = {
    {"auto", PrefetchMode::kAutomatic},    {"gate", PrefetchMode::kGate},
    {"previous", PrefetchMode::kPrevious}, {"frequency", PrefetchMode::kFrequency},
    {"off", PrefetchMode::kOff},
};

}  // namespace

Result<PrefetchMode> ParsePrefetchMode(std::string_view text) {
  std::string names;
  for (const ModeName& entry : kModes) {
    if (entry.name == text) return entry.mode;
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return InvalidArgument("prefetch '" + std::string(text) + "' is none of " + names);
}

}  // namespace moira::prefetch
