#pragma once

#include <string>
#include <string_view>

namespace moira {

// `message` with control characters and bytes that are not UTF-8 written as \n, \t, \r or \xNN.
std::string EscapeLogText(std::string_view message);
// `message` as the inside of a JSON string (RFC 8259). Bytes that are not UTF-8 become U+FFFD.
std::string EscapeLogJson(std::string_view message);

}  // namespace moira
