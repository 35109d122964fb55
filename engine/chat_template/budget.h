#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/chat_template/chat_template.h"
#include "engine/chat_template/failure.h"

namespace moira::engine::jinja {

// What one rendering may still spend. Every operation pays before it works, so that neither time
// nor memory depends on what a template or a request says. Not thread-safe: one per rendering.
class Budget {
 public:
  explicit Budget(const TemplateLimits& limits)
      : limits_(limits),
        bytes_left_(std::min(limits.output_bytes, SIZE_MAX / kTotalPerOutput) * kTotalPerOutput) {}

  void Step(uint64_t count = 1) {
    if (count > limits_.steps - steps_) {
      throw LimitExceeded("template takes more than " + std::to_string(limits_.steps) + " steps");
    }
    steps_ += count;
  }

  // A string of `bytes` is about to be built, or one of that size looked through.
  void Text(size_t bytes) {
    if (bytes > limits_.output_bytes) {
      throw LimitExceeded("text of " + std::to_string(bytes) + " bytes, the limit is " +
                          std::to_string(limits_.output_bytes));
    }
    Allocate(bytes);
    Step(bytes / kBytesPerStep);
  }

  // A container of `count` values is about to be built or walked.
  void Items(size_t count) {
    if (count > limits_.output_bytes) {
      throw LimitExceeded("container of " + std::to_string(count) + " items, the limit is " +
                          std::to_string(limits_.output_bytes));
    }
    Allocate(count * kBytesPerItem);
    Step(count / kItemsPerStep);
  }

  // `count` values are about to be made that are strings of their own; their bytes come on top.
  void Strings(size_t count) {
    Items(count);
    Allocate(count * kBytesPerString);
  }

  const TemplateLimits& limits() const { return limits_; }

 private:
  // All memory that a rendering ever asked for, freed or not, in multiples of the output limit:
  // room for prompts that are put together by repeated concatenation.
  static constexpr size_t kTotalPerOutput = 32;
  static constexpr size_t kBytesPerStep = 256;
  static constexpr size_t kBytesPerItem = 32;
  static constexpr size_t kBytesPerString = 96;
  static constexpr size_t kItemsPerStep = 8;

  void Allocate(size_t bytes) {
    if (bytes > bytes_left_) {
      throw LimitExceeded("template builds more than " + std::to_string(kTotalPerOutput) +
                          " times " + std::to_string(limits_.output_bytes) +
                          " bytes of intermediate values");
    }
    bytes_left_ -= bytes;
  }

  TemplateLimits limits_;
  uint64_t steps_ = 0;
  size_t bytes_left_;
};

}  // namespace moira::engine::jinja
