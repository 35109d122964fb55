#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/device/status.h"

namespace moira::server {

inline constexpr size_t kMaxApiKeyBytes = 256;
inline constexpr size_t kMaxApiKeys = 64;

// Keys of a file: one a line, surrounding blanks dropped, empty lines and lines that begin with #
// left out. kInvalidArgument for a file without a key, a key over kMaxApiKeyBytes or with
// characters that cannot stand in a header, or more than kMaxApiKeys.
Result<std::vector<std::string>> ReadApiKeyFile(const std::string& path);

// The keys that open the API. Const after creation, thread-safe.
class ApiKeys {
 public:
  explicit ApiKeys(std::vector<std::string> keys) : keys_(std::move(keys)) {}

  bool required() const { return !keys_.empty(); }
  size_t count() const { return keys_.size(); }
  // Compares with every key in a time that depends neither on `presented` nor on which one fits.
  bool Accepts(std::string_view presented) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace moira::server
