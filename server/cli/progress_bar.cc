#include "server/cli/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cache/budget.h"

namespace moira::server {

std::string ProgressText(const std::string& label, uint64_t done, uint64_t total, double elapsed) {
  constexpr size_t kWidth = 30;
  double share =
      total == 0 ? 1.0 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  size_t filled = static_cast<size_t>(share * kWidth);
  std::string text = label + " [" + std::string(filled, '#') + std::string(kWidth - filled, '.') +
                     "] " + std::to_string(static_cast<int>(share * 100)) + "%  " +
                     cache::FormatBytes(done) + " of " + cache::FormatBytes(total);
  if (share > 0 && share < 1) {
    double remaining = elapsed / share - elapsed;
    text += "  ETA " + std::to_string(static_cast<int>(remaining + 0.999)) + " s";
  }
  return text;
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), terminal_(isatty(STDERR_FILENO) != 0), last_draw_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Update(uint64_t done, uint64_t total) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  Clock::time_point now = Clock::now();
  if (!terminal_ || now - last_draw_ < kInterval) return;
  last_draw_ = now;
  drawn_ = true;
  double elapsed = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "\r%s\033[K", ProgressText(label_, done, total, elapsed).c_str());
  std::fflush(stderr);
}

}  // namespace moira::server
