#include "cache/policy.h"

namespace moira::cache {
namespace {

struct PolicyEntry {
  std::string_view name;
  std::unique_ptr<ReplacementPolicy> (*create)(size_t records);
};

constexpr PolicyEntry kPolicies[] = {
    {"decayed", CreateDecayedPolicy},
    {"lru", CreateLruPolicy},
};

}  // namespace

Result<std::unique_ptr<ReplacementPolicy>> CreatePolicy(std::string_view name, size_t records) {
  for (const PolicyEntry& entry : kPolicies) {
    if (entry.name == name) return entry.create(records);
  }
  return InvalidArgument("cache policy '" + std::string(name) + "' is none of " + PolicyNames());
}

std::string PolicyNames() {
  std::string names;
  for (const PolicyEntry& entry : kPolicies) {
    if (!names.empty()) names += ", ";
    names += entry.name;
  }
  return names;
}

}  // namespace moira::cache
