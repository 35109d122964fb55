#include "cache/device/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <iterator>
#include <memory>

#include "cache/device/log_escape.h"

namespace moira {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%e%z %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})";

struct LevelRow {
  std::string_view name;
  LogLevel level;
  spdlog::level::level_enum sink_level;
};
constexpr LevelRow kLevels[] = {
    {"debug", LogLevel::kDebug, spdlog::level::debug},
    {"info", LogLevel::kInfo, spdlog::level::info},
    {"warning", LogLevel::kWarning, spdlog::level::warn},
    {"error", LogLevel::kError, spdlog::level::err},
    {"off", LogLevel::kOff, spdlog::level::off},
};

spdlog::level::level_enum SinkLevel(LogLevel level) {
  for (const LevelRow& row : kLevels) {
    if (row.level == level) return row.sink_level;
  }
  return spdlog::level::info;
}

struct LogState {
  LogState() : logger("moira", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger.set_pattern(kTextPattern);
    logger.set_level(spdlog::level::info);
  }
  spdlog::logger logger;
  std::atomic<LogFormat> format = LogFormat::kText;
};

LogState& State() {
  static LogState state;
  return state;
}

void Log(LogLevel level, std::string_view message) {
  LogState& state = State();
  spdlog::level::level_enum sink_level = SinkLevel(level);
  if (!state.logger.should_log(sink_level)) return;
  bool json = state.format.load(std::memory_order_relaxed) == LogFormat::kJson;
  std::string line = json ? EscapeLogJson(message) : EscapeLogText(message);
  state.logger.log(sink_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void ConfigureLog(LogLevel level, LogFormat format) {
  LogState& state = State();
  state.logger.set_pattern(format == LogFormat::kJson ? kJsonPattern : kTextPattern);
  state.logger.set_level(SinkLevel(level));
  state.format.store(format, std::memory_order_relaxed);
}

Result<LogLevel> ParseLogLevel(std::string_view text) {
  std::string names;
  for (const LevelRow& row : kLevels) {
    if (row.name == text) return row.level;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return InvalidArgument("log level '" + EscapeLogText(text) + "' is not one of " + names);
}

void LogDebug(std::string_view message) { Log(LogLevel::kDebug, message); }
void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }
void LogError(std::string_view message) { Log(LogLevel::kError, message); }

}  // namespace moira
