#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace moira::server {

// A bar with percent and remaining time on standard error, drawn only when that is a terminal and
// the work takes longer than a moment. Used by one thread.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();  // clears the line
  void Update(uint64_t done, uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_;
};

// "loading [#####.....] 50%  1.2 of 2.4 GiB  ETA 3 s": the bar's text, for `elapsed` seconds of
// work.
std::string ProgressText(const std::string& label, uint64_t done, uint64_t total, double elapsed);

}  // namespace moira::server
