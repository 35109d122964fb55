#include "server/api/sse.h"

namespace moira::server {

std::string SseData(std::string_view json) {
  std::string event = "data: ";
  event.reserve(event.size() + json.size() + 2);
  event.append(json);
  event.append("\n\n");
  return event;
}

}  // namespace moira::server
