#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "server/http/message.h"

namespace moira::server {

struct HeadFault {
  int status;
  std::string reason;
};

inline constexpr size_t kMaxHeaderFields = 64;
inline constexpr size_t kMaxTargetBytes = 1024;

// The rules that a well-formed head must keep beyond HTTP's grammar. Strict on purpose: what two
// parsers could read in two ways (lengths, codings, folded or odd field names) is refused, so that
// a proxy in front and this server can never disagree on where a request ends.
std::optional<HeadFault> CheckHead(const RequestHead& head, size_t max_body_bytes);

// Body bytes that a head which passed CheckHead announces.
size_t ContentLength(const RequestHead& head);

// Whether the client lets the connection be used again.
bool WantsKeepAlive(const RequestHead& head);
bool ExpectsContinue(const RequestHead& head);

}  // namespace moira::server
