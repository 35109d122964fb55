#pragma once

#include <cstddef>
#include <string_view>

namespace moira {

// Bytes (1 to 4) of the well-formed UTF-8 sequence (RFC 3629: no overlong forms, no surrogates) at
// the start of `text`; 0 if there is none.
size_t Utf8SequenceLength(std::string_view text);
bool IsValidUtf8(std::string_view text);
// C0 (with DEL) or C1 control character at the start of `text`, which is well-formed there.
bool StartsWithControl(std::string_view text);

}  // namespace moira
