#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moira::server {

using HeaderField = std::pair<std::string, std::string>;
using HeaderFields = std::vector<HeaderField>;

// The head of a request as it was read; nothing in it is trusted yet.
struct RequestHead {
  std::string method;
  std::string target;  // with the query
  int version = 11;    // 10 * major + minor
  HeaderFields fields;

  // Value of the first field of that name, in any case; empty when there is none.
  std::string_view Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  // Target without the query.
  std::string_view path() const;
};

struct Request {
  RequestHead head;
  std::string body;
};

// An answer that is complete, or the head of one that is streamed.
struct Response {
  int status = 200;
  std::string content_type;  // empty = none
  std::string body;
  HeaderFields fields;  // without those that the transport adds (length, connection, date)
  bool close = false;   // the connection ends with this answer
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b);
std::string_view ReasonPhrase(int status);

// Status line, fields, empty line. `framing` is the field that says where the body ends, empty for
// none.
std::string ResponseHeadText(const Response& response, const HeaderField& framing, bool keep_alive);
// Framing of a body that is known as a whole.
HeaderField LengthField(const Response& response);
// One chunk of chunked transfer coding (RFC 9112, 7.1); `data` is not empty.
std::string ChunkText(std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace moira::server
