#include "engine/chat_template/arguments.h"

#include <algorithm>

#include "engine/chat_template/operators.h"
#include "engine/chat_template/printing.h"

namespace moira::engine::jinja {

BoundArguments::BoundArguments(std::string_view function, const Arguments& arguments,
                               std::initializer_list<std::string_view> parameters, size_t required)
    : function_(function), values_(parameters.size(), nullptr) {
  const std::string name(function);
  if (arguments.positional.size() > parameters.size()) {
    throw EvaluationError(name + "() takes at most " + std::to_string(parameters.size()) +
                          " arguments (" + std::to_string(arguments.positional.size()) + " given)");
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [key, value] : arguments.named) {
    const std::string& wanted = key.string()->text.bytes();
    const auto* found = std::find(parameters.begin(), parameters.end(), wanted);
    const auto index = static_cast<size_t>(found - parameters.begin());
    if (found == parameters.end() || values_[index]) {
      throw EvaluationError(name + "() got an unexpected keyword argument " +
                            QuotedForMessage(wanted));
    }
    values_[index] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values_[i]) {
      throw EvaluationError(name + "() misses the argument '" +
                            std::string(*(parameters.begin() + i)) + "'");
    }
  }
}

int64_t BoundArguments::IntOr(size_t index, int64_t otherwise) const {
  return values_[index] ? Index(*values_[index]) : otherwise;
}

bool BoundArguments::TruthOr(size_t index, bool otherwise) const {
  return values_[index] ? Truth(*values_[index]) : otherwise;
}

const MarkedText& BoundArguments::Text(size_t index) const {
  RequireDefined(*values_[index]);
  if (!values_[index]->string()) {
    throw EvaluationError(std::string(function_) + "() argument must be str, not " +
                          TypeName(*values_[index]));
  }
  return values_[index]->string()->text;
}

}  // namespace moira::engine::jinja
