#pragma once

#include <memory>
#include <utility>

#include "engine/chat_template/interpreter.h"

namespace moira::engine::jinja {

// Counts a level of recursion while it lives.
class Interpreter::DepthGuard {
 public:
  DepthGuard(uint32_t* depth, uint32_t limit, const char* what) : depth_(depth) {
    if (*depth_ >= limit) {
      throw LimitExceeded(std::string(what) + " nested deeper than " + std::to_string(limit));
    }
    ++*depth_;
  }
  ~DepthGuard() { --*depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  uint32_t* depth_;
};

// Collects what is printed while it lives.
class Interpreter::OutputCapture {
 public:
  explicit OutputCapture(Interpreter* interpreter)
      : interpreter_(interpreter), outer_(std::exchange(interpreter->output_, &text_)) {}
  ~OutputCapture() { interpreter_->output_ = outer_; }
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

  MarkedText Take() { return std::move(text_); }

 private:
  Interpreter* interpreter_;
  MarkedText text_;
  MarkedText* outer_;
};

// Makes a scope the current one while it lives.
class Interpreter::ScopeSwitch {
 public:
  ScopeSwitch(Interpreter* interpreter, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), outer_(std::exchange(interpreter->scope_, std::move(scope))) {}
  ~ScopeSwitch() { interpreter_->scope_ = std::move(outer_); }
  ScopeSwitch(const ScopeSwitch&) = delete;
  ScopeSwitch& operator=(const ScopeSwitch&) = delete;

 private:
  Interpreter* interpreter_;
  std::shared_ptr<Scope> outer_;
};

}  // namespace moira::engine::jinja
