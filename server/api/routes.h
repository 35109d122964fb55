#pragma once

#include <span>
#include <string>
#include <string_view>

namespace moira::server {

enum class RouteId {
  kChatCompletions,
  kCompletions,
  kModels,
  kModel,
  kTokenize,
  kDetokenize,
  kLive,
  kReady,
  kHealth,
  kMetrics,
};

struct Route {
  RouteId id;
  std::string_view method;
  std::string_view path;  // literal; for kModel what stands before the name
  bool is_prefix = false;
  bool is_open = false;       // answered without a key
  bool is_immediate = false;  // answered by the I/O thread: no body, no waiting
  bool needs_engine = true;   // refused while loading and draining
  bool generates = false;     // takes a place in the engine
};

std::span<const Route> AllRoutes();
// The route of a path; GET routes serve HEAD too. Null when there is none for the method.
const Route* FindRoute(std::string_view method, std::string_view path);
// "GET, HEAD, OPTIONS": what the path has; empty when it has nothing.
std::string AllowedMethods(std::string_view path);
// The name at the end of a /v1/models/… path, percent-decoded; empty when it is malformed.
std::string ModelNameOf(std::string_view path);

}  // namespace moira::server
