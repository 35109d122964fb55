#include "server/cli/flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cache/device/log.h"

namespace moira::server {
namespace {

Status ParseUnsigned(const std::string& text, uint64_t minimum, uint64_t maximum, uint64_t& value) {
  uint64_t parsed = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument("\"" + text + "\" is no whole number");
  }
  if (parsed < minimum || parsed > maximum) {
    return InvalidArgument(text + " is not between " + std::to_string(minimum) + " and " +
                           std::to_string(maximum));
  }
  value = parsed;
  return {};
}

Status ParseReal(const std::string& text, double minimum, double maximum, double& value) {
  double parsed = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(parsed)) {
    return InvalidArgument("\"" + text + "\" is no number");
  }
  if (parsed < minimum || parsed > maximum) {
    return InvalidArgument(text + " is not between " + std::to_string(minimum) + " and " +
                           std::to_string(maximum));
  }
  value = parsed;
  return {};
}

// The words that other servers' scripts use for a switch.
Status ParseSwitch(const std::string& text, bool& value) {
  if (text == "1" || text == "true" || text == "on" || text == "enabled") {
    value = true;
  } else if (text == "0" || text == "false" || text == "off" || text == "disabled") {
    value = false;
  } else {
    return InvalidArgument("\"" + text + "\" is none of 1|true|on|enabled|0|false|off|disabled");
  }
  return {};
}

}  // namespace

std::string Flag::long_name() const {
  size_t dashes = names.rfind("--");
  return names.substr(dashes + 2);
}

std::string Flag::environment_name() const {
  std::string name = "MOIRA_" + long_name();
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return name;
}

Flag TextFlag(std::string names, std::string value, std::string help, std::string& target) {
  return {std::move(names), std::move(value), std::move(help), [&target](const std::string& text) {
            target = text;
            return Status();
          }};
}

Flag SwitchFlag(std::string names, std::string help, bool& target) {
  return {std::move(names), "", std::move(help),
          [&target](const std::string& text) { return ParseSwitch(text, target); }};
}

Flag SizeFlag(std::string names, std::string help, uint64_t& target) {
  return {std::move(names), "SIZE|auto", std::move(help),
          [&target](const std::string& text) -> Status {
            if (text == "auto") {
              target = 0;
              return {};
            }
            MOIRA_ASSIGN_OR_RETURN(const uint64_t bytes, cache::ParseSize(text));
            if (bytes == 0) return InvalidArgument("size '" + text + "' must be above 0, or auto");
            target = bytes;
            return {};
          }};
}

Flag RateFlag(std::string names, std::string help, double& target) {
  return {std::move(names), "RATE", std::move(help), [&target](const std::string& text) -> Status {
            MOIRA_ASSIGN_OR_RETURN(target, cache::ParseRate(text));
            return {};
          }};
}

Flag NumberFlag(std::string names, std::string help, uint32_t& target, uint32_t minimum,
                uint32_t maximum) {
  return {std::move(names), "N", std::move(help),
          [&target, minimum, maximum](const std::string& text) -> Status {
            uint64_t value = 0;
            MOIRA_RETURN_IF_ERROR(ParseUnsigned(text, minimum, maximum, value));
            target = static_cast<uint32_t>(value);
            return {};
          }};
}

Flag RealFlag(std::string names, std::string help, double& target, double minimum, double maximum) {
  return {std::move(names), "X", std::move(help),
          [&target, minimum, maximum](const std::string& text) {
            return ParseReal(text, minimum, maximum, target);
          }};
}

std::vector<Flag> EngineFlags(engine::EngineOptions& options) {
  using engine::ComputeKind, engine::DeviceKind, engine::KvKind, engine::MissService;
  return {
      TextFlag("-m,--model", "FILE", "GGUF file, or any file of a split set", options.model_path),
      NumberFlag("-c,--ctx-size", "Tokens per sequence; 0: the model's, at most 4096",
                 options.context_size, 0, 1u << 20),
      NumberFlag("-np,--parallel", "Sequences that run at once (4)", options.parallel, 1, 16),
      NumberFlag("-t,--threads", "Threads that compute; 0: the cores that may be used",
                 options.threads, 0, 1024),
      NumberFlag("--prefill-chunk", "Prompt tokens that one step takes at most (512)",
                 options.prefill_chunk, 1, 8192),
      ChoiceFlag("--device", "What computes (auto)", options.device,
                 {{"auto", DeviceKind::kAutomatic},
                  {"cpu", DeviceKind::kCpu},
                  {"emulated", DeviceKind::kEmulated}}),
      SizeFlag("--device-memory", "Device memory that may be used (auto)", options.device_memory),
      SizeFlag("--host-memory", "Host memory that may be used (auto)", options.host_memory),
      {"--expert-cache", "auto|all|SIZE|PERCENT%",
       "Room for experts in device memory (auto: all, if they fit); 0%: the smallest legal pool",
       [&options](const std::string& text) -> Status {
         MOIRA_ASSIGN_OR_RETURN(options.expert_cache, cache::ParseExpertCacheBudget(text));
         return {};
       }},
      ChoiceFlag("--cache-policy", "Which expert leaves when room is needed (decayed)",
                 options.cache_policy,
                 {{"lru", std::string("lru")}, {"decayed", std::string("decayed")}}),
      {"--prefetch", "auto|gate|previous|frequency|off",
       "How the next layer's experts are predicted (auto: gate, unless all are resident)",
       [&options](const std::string& text) -> Status {
         MOIRA_ASSIGN_OR_RETURN(options.prefetch, prefetch::ParsePrefetchMode(text));
         return {};
       }},
      ChoiceFlag("--miss-service", "How a missing expert is served (auto)", options.miss_service,
                 {{"auto", MissService::kAutomatic},
                  {"fetch", MissService::kFetch},
                  {"host", MissService::kHost}}),
      ChoiceFlag("-ctk,--kv-type", "Type of cached keys and values (f16)", options.kv_type,
                 {{"f16", KvKind::kF16}, {"f32", KvKind::kF32}}),
      ChoiceFlag("--compute",
                 "fast: 8-bit activations; reference: weights expanded, sums in double (fast)",
                 options.compute,
                 {{"fast", ComputeKind::kFast}, {"reference", ComputeKind::kReference}}),
      NumberFlag("--max-queued", "Requests that may wait for a place (64)", options.max_queued, 0,
                 65536),
      RealFlag("--link-bandwidth", "Bytes per second of the emulated device's link (12e9)",
               options.link_bandwidth, 1e3, 1e15),
      RealFlag("--link-latency", "Seconds per copy of the emulated device's link (10e-6)",
               options.link_latency, 0, 10),
      TextFlag("--fault-plan", "PLAN",
               "Failures to inject, for tests: \"read:3=error,copy:5=delay:50ms\"",
               options.fault_plan),
  };
}

std::vector<Flag> LogFlags() {
  static LogLevel level = LogLevel::kInfo;
  static LogFormat format = LogFormat::kText;
  return {
      {"--log-level", "debug|info|warning|error|off", "What is logged to standard error (info)",
       [](const std::string& text) -> Status {
         MOIRA_ASSIGN_OR_RETURN(level, ParseLogLevel(text));
         ConfigureLog(level, format);
         return {};
       }},
      {"--log-format", "text|json", "How it is written (text)",
       [](const std::string& text) -> Status {
         if (text != "text" && text != "json") {
           return InvalidArgument("\"" + text + "\" is none of text|json");
         }
         format = text == "json" ? LogFormat::kJson : LogFormat::kText;
         ConfigureLog(level, format);
         return {};
       }},
  };
}

}  // namespace moira::server
