#include "engine/arch/architecture.h"

namespace moira::engine {
namespace {

constexpr const Architecture* kTable[] = {&kDeepseek, &kLlama, &kOlmoe, &kQwen2Moe, &kQwen3Moe};

}  // namespace

std::span<const Architecture* const> Architectures() { return kTable; }

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture* architecture : kTable) {
    if (architecture->name == name) return architecture;
  }
  return nullptr;
}

std::string ArchitectureNames() {
  std::string names;
  for (const Architecture* architecture : kTable) {
    if (!names.empty()) names += ", ";
    names += architecture->name;
  }
  return names;
}

}  // namespace moira::engine
