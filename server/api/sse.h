#pragma once

#include <string>
#include <string_view>

namespace moira::server {

// Server-sent events (WHATWG HTML, 9.2) as the OpenAI clients read them.

// "data: …\n\n"; `json` has no line breaks, as a JSON text without indentation.
std::string SseData(std::string_view json);
// A comment: keeps proxies and readers awake, clients drop it.
inline constexpr std::string_view kSsePing = ": ping\n\n";
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

}  // namespace moira::server
