#include "engine/model/config_reader.h"

#include <algorithm>

namespace moira::engine {

Result<std::optional<uint32_t>> ConfigReader::Optional(std::string_view name,
                                                       Bound<uint32_t> bound) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint64_t> value,
                         metadata_.Unsigned(Key(name), bound.minimum, bound.maximum));
  if (!value) return std::optional<uint32_t>();
  return std::optional<uint32_t>(static_cast<uint32_t>(*value));
}

Result<uint32_t> ConfigReader::Required(std::string_view name, Bound<uint32_t> bound) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint32_t> value, Optional(name, bound));
  if (!value) return InvalidData("metadata key " + Key(name) + " is missing");
  return *value;
}

Result<uint32_t> ConfigReader::OptionalOr(std::string_view name, Bound<uint32_t> bound,
                                          uint32_t fallback) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<uint32_t> value, Optional(name, bound));
  return value.value_or(fallback);
}

Result<float> ConfigReader::FloatOr(std::string_view name, Bound<double> bound,
                                    float fallback) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<double> value,
                         metadata_.Float(Key(name), bound.minimum, bound.maximum));
  return value ? static_cast<float>(*value) : fallback;
}

Result<bool> ConfigReader::BoolOr(std::string_view name, bool fallback) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<bool> value, metadata_.Bool(Key(name)));
  return value.value_or(fallback);
}

Result<std::string> ConfigReader::StringOr(std::string_view name, std::string fallback) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<std::string> value, metadata_.String(Key(name)));
  return value ? *std::move(value) : std::move(fallback);
}

Result<std::vector<uint32_t>> ConfigReader::PerLayer(std::string_view name, uint32_t layers,
                                                     Bound<uint32_t> bound) const {
  MOIRA_ASSIGN_OR_RETURN(std::optional<std::vector<int64_t>> values, metadata_.Integers(Key(name)));
  if (!values) return std::vector<uint32_t>();
  if (values->size() != 1 && values->size() != layers) {
    return InvalidData("metadata key " + Key(name) + " has " + std::to_string(values->size()) +
                       " values, wanted 1 or one for each of " + std::to_string(layers) +
                       " layers");
  }
  std::vector<uint32_t> result(layers);
  for (uint32_t layer = 0; layer < layers; ++layer) {
    const int64_t value = (*values)[values->size() == 1 ? 0 : layer];
    if (value < bound.minimum || value > bound.maximum) {
      return InvalidData("metadata key " + Key(name) + " is " + std::to_string(value) +
                         ", wanted " + std::to_string(bound.minimum) + " to " +
                         std::to_string(bound.maximum));
    }
    result[layer] = static_cast<uint32_t>(value);
  }
  return result;
}

Result<std::optional<uint32_t>> ConfigReader::Uniform(std::string_view name, uint32_t layers,
                                                      Bound<uint32_t> bound) const {
  MOIRA_ASSIGN_OR_RETURN(std::vector<uint32_t> values, PerLayer(name, layers, bound));
  if (values.empty()) return std::optional<uint32_t>();
  const auto other = std::find_if(values.begin(), values.end(),
                                  [&](uint32_t value) { return value != values.front(); });
  if (other != values.end()) {
    return Unsupported("metadata key " + Key(name) + " differs between layers (" +
                       std::to_string(values.front()) + " and " + std::to_string(*other) + ")");
  }
  return std::optional<uint32_t>(values.front());
}

}  // namespace moira::engine
