#pragma once

#include <string>
#include <utility>

#include "cache/device/status.h"

namespace moira::engine::jinja {

// Thrown inside engine/chat_template only; ChatTemplate::Parse and Render turn it into a Status.
// An evaluator that returned a Result from every node would hide the semantics it implements.
struct Failure {
  StatusCode code;
  std::string message;
  int line = 0;           // 0: the line of the node that is being evaluated
  bool verbatim = false;  // the template's own text (raise_exception): no line is put before it
};

inline Failure SyntaxError(int line, std::string message) {
  return {StatusCode::kInvalidData, std::move(message), line};
}
inline Failure NotSupported(int line, std::string message) {
  return {StatusCode::kUnsupported, std::move(message), line};
}
// What Python would answer with TypeError, ValueError, UndefinedError and the like.
inline Failure EvaluationError(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Failure LimitExceeded(std::string message) {
  return {StatusCode::kResourceExhausted, std::move(message)};
}

}  // namespace moira::engine::jinja
