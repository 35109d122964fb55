#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace moira::server {

// A TCP client that sends what it is told and reads what comes; no HTTP.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Reads until `end` was seen, or the peer closed, or nothing came for a minute.
  std::string ReadUntil(std::string_view end) {
    std::string text = std::exchange(rest_, {});
    while (true) {
      const size_t found = end.empty() ? std::string::npos : text.find(end);
      if (found != std::string::npos) {
        rest_ = text.substr(found + end.size());
        return text.substr(0, found + end.size());
      }
      pollfd readable{socket_, POLLIN, 0};
      if (::poll(&readable, 1, 60'000) <= 0) return text + "(nothing came)";
      char buffer[4096];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return text;
      text.append(buffer, static_cast<size_t>(got));
    }
  }
  std::string ReadAll() { return ReadUntil(""); }
  void Close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

 private:
  int socket_;
  bool connected_ = false;
  std::string rest_;
};

inline std::string SendAndReadAll(uint16_t port, std::string_view request) {
  RawClient client(port);
  client.Send(request);
  return client.ReadAll();
}

}  // namespace moira::server
