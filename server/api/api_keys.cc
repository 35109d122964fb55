#include "server/api/api_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "cache/device/log.h"

namespace moira::server {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool IsVisibleAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

using PaddedKey = std::array<unsigned char, kMaxApiKeyBytes>;

PaddedKey Pad(std::string_view key) {
  PaddedKey padded{};
  std::copy_n(key.begin(), std::min(key.size(), padded.size()), padded.begin());
  return padded;
}

// 0 when equal. Touches every byte of both, whatever they are.
unsigned Difference(const PaddedKey& a, const PaddedKey& b) {
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = difference | (a[i] ^ b[i]);
  return difference;
}

}  // namespace

Result<std::vector<std::string>> ReadApiKeyFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return NotFound("API key file " + path + " cannot be read");
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0) {
    LogWarning("API key file " + path + " can be read by every user of this machine");
  }
  std::vector<std::string> keys;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string_view key = Trim(line);
    if (key.empty() || key.front() == '#') continue;
    const std::string where = "API key file " + path + " line " + std::to_string(number);
    if (key.size() > kMaxApiKeyBytes) {
      return InvalidArgument(where + ": a key of " + std::to_string(key.size()) +
                             " bytes, at most " + std::to_string(kMaxApiKeyBytes));
    }
    if (!IsVisibleAscii(key)) {
      return InvalidArgument(where + ": a key may only have visible ASCII characters");
    }
    if (keys.size() == kMaxApiKeys) {
      return InvalidArgument(where + ": more than " + std::to_string(kMaxApiKeys) + " keys");
    }
    keys.emplace_back(key);
  }
  if (keys.empty()) return InvalidArgument("API key file " + path + " has no key");
  return keys;
}

bool ApiKeys::Accepts(std::string_view presented) const {
  const PaddedKey candidate = Pad(presented);
  bool accepted = false;
  for (const std::string& key : keys_) {
    const bool same_bytes = Difference(candidate, Pad(key)) == 0;
    const bool same_size = key.size() == presented.size();
    accepted = accepted | (same_bytes & same_size);
  }
  return accepted;
}

}  // namespace moira::server
