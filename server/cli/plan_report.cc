#include "server/cli/plan_report.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cache/budget.h"

namespace moira::server {
namespace {

using cache::FormatBytes;
using Json = nlohmann::ordered_json;

[[gnu::format(printf, 2, 3)]] void Append(std::string& text, const char* format, ...) {
  char line[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  text += line;
}

std::string RateText(double bytes_per_second) {
  if (!std::isfinite(bytes_per_second)) return "free";
  std::string text;
  Append(text, "%.1f GB/s", bytes_per_second / 1e9);
  return text;
}

const engine::SpeedEstimate::Range& ChosenRange(const engine::SpeedEstimate& speed) {
  return speed.ranges[speed.chosen];
}

Json SpeedJson(const engine::SpeedEstimate& speed) {
  Json ranges = Json::object();
  for (const auto& range : speed.ranges) {
    ranges[std::string(MissPathName(range.path))] = {{"low", range.low}, {"high", range.high}};
  }
  const engine::MachineRates& rates = speed.rates;
  return {{"hardware", speed.hardware},
          {"source", speed.source},
          {"device_bandwidth", rates.device},
          {"link_bandwidth", rates.link},
          {"host_bandwidth", rates.host},
          {"joint_bandwidth", rates.joint},
          {"file_bandwidth", rates.file},
          {"efficiency", rates.efficiency},
          {"overhead_seconds", rates.overhead_seconds},
          {"file_share", speed.file_share},
          {"hit_rate",
           {{"low", speed.low_hit_rate},
            {"high", speed.high_hit_rate},
            {"high_from", speed.high_hit_rate_from}}},
          {"tokens_per_second", std::move(ranges)},
          {"miss_service", std::string(MissPathName(ChosenRange(speed).path))},
          {"all_resident_tokens_per_second", speed.all_resident}};
}

}  // namespace

std::string PlanTable(const engine::PlacementPlan& plan) {
  std::string text;
  for (const engine::PlacementPlan::Line& line : plan.lines) {
    Append(text, "%-32s %-8s %12s\n", line.what.c_str(), line.where.c_str(),
           FormatBytes(line.bytes).c_str());
  }
  Append(text, "device memory: %s planned, %s may be used", FormatBytes(plan.device_bytes).c_str(),
         FormatBytes(plan.device_limit).c_str());
  if (plan.device_reserve > 0) {
    Append(text, " (%s more are free, and stay so)", FormatBytes(plan.device_reserve).c_str());
  }
  Append(text, "\nexperts resident: %llu of %llu (%.1f %% of their bytes)\n",
         static_cast<unsigned long long>(plan.expert_slots),
         static_cast<unsigned long long>(plan.expert_count), plan.residency * 100);
  Append(text, "read per token: %s dense, %s experts\n",
         FormatBytes(plan.dense_bytes_per_token).c_str(),
         FormatBytes(plan.expert_bytes_per_token).c_str());
  return text;
}

std::string SpeedTable(const engine::PlacementPlan& plan) {
  const engine::SpeedEstimate& speed = plan.speed;
  const engine::MachineRates& rates = speed.rates;
  std::string text;
  Append(text, "hardware: %s\n  %s\n", speed.hardware.c_str(), speed.source.c_str());
  Append(text,
         "  device %s x %.2f, link %s, host %s, both %s, file %s; %.1f ms per token besides\n",
         RateText(rates.device).c_str(), rates.efficiency, RateText(rates.link).c_str(),
         RateText(rates.host).c_str(), RateText(rates.joint).c_str(), RateText(rates.file).c_str(),
         rates.overhead_seconds * 1e3);
  Append(text, "hit rate: %.2f if experts are used evenly, %.2f with the favourites of %s\n",
         speed.low_hit_rate, speed.high_hit_rate, speed.high_hit_rate_from.c_str());
  text += "decode, one sequence, tokens/s at the limit that the bytes set:\n";
  for (const auto& range : speed.ranges) {
    Append(text, "  misses by %-6s %8.1f to %.1f%s\n",
           std::string(MissPathName(range.path)).c_str(), range.low, range.high,
           &range == &ChosenRange(speed) ? "  <- with these flags" : "");
  }
  Append(text, "  all resident     %8.1f\n", speed.all_resident);
  for (const std::string& warning : plan.warnings) text += "warning: " + warning + "\n";
  return text;
}

std::string PlanJson(const engine::PlacementPlan& plan) {
  Json lines = Json::array();
  for (const engine::PlacementPlan::Line& line : plan.lines) {
    lines.push_back({{"what", line.what}, {"where", line.where}, {"bytes", line.bytes}});
  }
  Json json = {{"fits", plan.fits.ok()},
               {"lines", std::move(lines)},
               {"device_bytes", plan.device_bytes},
               {"host_bytes", plan.host_bytes},
               {"file_bytes", plan.file_bytes},
               {"device_limit", plan.device_limit},
               {"device_reserve", plan.device_reserve},
               {"context_size", plan.context_size},
               {"expert_slots", plan.expert_slots},
               {"expert_count", plan.expert_count},
               {"residency", plan.residency},
               {"dense_bytes_per_token", plan.dense_bytes_per_token},
               {"expert_bytes_per_token", plan.expert_bytes_per_token}};
  if (plan.fits.ok()) {
    json["speed"] = SpeedJson(plan.speed);
    json["expected_tokens_per_second"] = ChosenRange(plan.speed).low;
    json["expected_tokens_per_second_high"] = ChosenRange(plan.speed).high;
  } else {
    json["error"] = plan.fits.message();
  }
  json["warnings"] = plan.warnings;
  return json.dump(2);
}

}  // namespace moira::server
