#include "server/http/head_check.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace moira::server {
namespace {

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

bool IsValueCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

bool IsTargetCharacter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F;
}

template <typename Test>
bool All(std::string_view text, const Test& test) {
  return std::all_of(text.begin(), text.end(), test);
}

std::optional<size_t> ParseLength(std::string_view text) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return length;
}

// Methods that carry no body here.
bool IsBodiless(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

std::optional<HeadFault> CheckFields(const RequestHead& head) {
  if (head.fields.size() > kMaxHeaderFields) {
    return HeadFault{431, "more than " + std::to_string(kMaxHeaderFields) + " header fields"};
  }
  for (const auto& [name, value] : head.fields) {
    // No underscores: gateways turn hyphens into them, so that two names become one.
    if (name.empty() || !All(name, IsNameCharacter)) {
      return HeadFault{400, "a header field's name has other characters than A-Z a-z 0-9 -"};
    }
    if (!All(value, IsValueCharacter)) {
      return HeadFault{400, "a header field's value has control characters"};
    }
  }
  if (head.Count("Host") > 1 || (head.version == 11 && head.Count("Host") == 0)) {
    return HeadFault{400, "exactly one Host field is needed"};
  }
  return std::nullopt;
}

std::optional<HeadFault> CheckBodyFraming(const RequestHead& head, size_t max_body_bytes) {
  if (head.Count("Transfer-Encoding") > 0) {
    return HeadFault{501, "Transfer-Encoding is not supported: send Content-Length"};
  }
  if (head.Count("Content-Encoding") > 0) {
    return HeadFault{415, "Content-Encoding is not supported: send the body as it is"};
  }
  if (head.Count("Expect") > 0 && !ExpectsContinue(head)) {
    return HeadFault{417, "Expect can only be 100-continue"};
  }
  if (head.Count("Upgrade") > 0) return HeadFault{501, "Upgrade is not supported"};
  const size_t lengths = head.Count("Content-Length");
  if (lengths > 1) return HeadFault{400, "Content-Length is given twice"};
  if (lengths == 0) {
    if (IsBodiless(head.method)) return std::nullopt;
    return HeadFault{411, "Content-Length is missing"};
  }
  const std::optional<size_t> length = ParseLength(head.Find("Content-Length"));
  if (!length) return HeadFault{400, "Content-Length is no number"};
  if (*length > 0 && IsBodiless(head.method)) {
    return HeadFault{400, "this method takes no body"};
  }
  if (*length > max_body_bytes) {
    return HeadFault{413, "the body has " + std::to_string(*length) + " bytes, at most " +
                              std::to_string(max_body_bytes)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeadFault> CheckHead(const RequestHead& head, size_t max_body_bytes) {
  static constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",  "POST",   "PUT",
                                                               "DELETE", "PATCH", "OPTIONS"};
  if (head.version != 10 && head.version != 11) {
    return HeadFault{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end()) {
    return HeadFault{405, "unknown method"};
  }
  if (head.target.size() > kMaxTargetBytes) {
    return HeadFault{414, "the target has " + std::to_string(head.target.size()) +
                              " bytes, at most " + std::to_string(kMaxTargetBytes)};
  }
  if (head.target.empty() || head.target.front() != '/' || !All(head.target, IsTargetCharacter)) {
    return HeadFault{400, "the target must be a path of visible ASCII characters"};
  }
  if (auto fault = CheckFields(head)) return fault;
  return CheckBodyFraming(head, max_body_bytes);
}

size_t ContentLength(const RequestHead& head) {
  return ParseLength(head.Find("Content-Length")).value_or(0);
}

bool WantsKeepAlive(const RequestHead& head) {
  const std::string_view connection = head.Find("Connection");
  if (head.version == 10) return EqualsIgnoringCase(connection, "keep-alive");
  return !EqualsIgnoringCase(connection, "close");
}

bool ExpectsContinue(const RequestHead& head) {
  return head.version == 11 && EqualsIgnoringCase(head.Find("Expect"), "100-continue");
}

}  // namespace moira::server
