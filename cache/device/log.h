#pragma once

#include <string>
#include <string_view>

#include "cache/device/status.h"

namespace moira {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

// Sets what goes to standard error. Call once, before other threads start.
void ConfigureLog(LogLevel level, LogFormat format);
Result<LogLevel> ParseLogLevel(std::string_view text);

// One line to standard error. Control characters of the message are escaped, so that text from a
// request or a file cannot forge a line. Thread-safe.
void LogDebug(std::string_view message);
void LogInfo(std::string_view message);
void LogWarning(std::string_view message);
void LogError(std::string_view message);

}  // namespace moira
