#include "server/api/routes.h"

#include <array>
#include <charconv>

namespace moira::server {
namespace {

constexpr std::string_view kModelPrefix = "/v1/models/";

// kModelPrefix is the only pattern; everything else is compared as a whole.
constexpr std::array kRoutes = {
    Route{.id = RouteId::kChatCompletions,
          .method = "POST",
          .path = "/v1/chat/completions",
          .generates = true},
    Route{.id = RouteId::kCompletions,
          .method = "POST",
          .path = "/v1/completions",
          .generates = true},
    Route{.id = RouteId::kModels, .method = "GET", .path = "/v1/models"},
    Route{.id = RouteId::kModel, .method = "GET", .path = kModelPrefix, .is_prefix = true},
    Route{.id = RouteId::kTokenize, .method = "POST", .path = "/tokenize"},
    Route{.id = RouteId::kDetokenize, .method = "POST", .path = "/detokenize"},
    Route{.id = RouteId::kLive,
          .method = "GET",
          .path = "/livez",
          .is_open = true,
          .is_immediate = true,
          .needs_engine = false},
    Route{.id = RouteId::kReady,
          .method = "GET",
          .path = "/readyz",
          .is_open = true,
          .is_immediate = true,
          .needs_engine = false},
    Route{.id = RouteId::kHealth,
          .method = "GET",
          .path = "/health",
          .is_open = true,
          .is_immediate = true,
          .needs_engine = false},
    Route{.id = RouteId::kMetrics, .method = "GET", .path = "/metrics", .needs_engine = false},
};

bool Matches(const Route& route, std::string_view path) {
  if (!route.is_prefix) return path == route.path;
  return path.size() > route.path.size() && path.starts_with(route.path);
}

}  // namespace

std::span<const Route> AllRoutes() { return kRoutes; }

const Route* FindRoute(std::string_view method, std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : kRoutes) {
    if (route.method == wanted && Matches(route, path)) return &route;
  }
  return nullptr;
}

std::string AllowedMethods(std::string_view path) {
  std::string methods;
  for (const Route& route : kRoutes) {
    if (!Matches(route, path)) continue;
    methods += std::string(route.method) + (route.method == "GET" ? ", HEAD, " : ", ");
  }
  return methods.empty() ? methods : methods + "OPTIONS";
}

std::string ModelNameOf(std::string_view path) {
  if (!path.starts_with(kModelPrefix)) return {};
  path.remove_prefix(kModelPrefix.size());
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      name += path[i];
      continue;
    }
    unsigned value = 0;
    const char* digits = path.data() + i + 1;
    if (path.size() - i < 3) return {};
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || end != digits + 2) return {};
    name += static_cast<char>(value);
    i += 2;
  }
  return name;
}

}  // namespace moira::server
