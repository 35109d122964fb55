#include "server/http/socket_exchange.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace moira::server {
namespace {

using Clock = std::chrono::steady_clock;

// A large answer may take a second more for each of these, so that a slow link is not mistaken for
// a reader that stalls.
constexpr size_t kBytesPerExtraSecond = 32 << 10;
// How soon a writer that waits for room sees that the request was cancelled.
constexpr int kPollSliceMs = 100;

}  // namespace

bool SocketExchange::Write(std::string_view bytes) {
  const auto deadline = Clock::now() + options_.write_timeout +
                        std::chrono::seconds(bytes.size() / kBytesPerExtraSecond);
  while (!bytes.empty() && !broken_) {
    const ssize_t sent =
        ::send(options_.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    broken_ = (errno != EAGAIN && errno != EWOULDBLOCK) || Clock::now() >= deadline ||
              cancellation_.cancelled();
    if (broken_) break;
    pollfd room{options_.socket, POLLOUT, 0};
    ::poll(&room, 1, kPollSliceMs);
  }
  return !broken_;
}

bool SocketExchange::Send(const Response& response) {
  answered_ = true;
  options_.keep_alive = options_.keep_alive && !response.close;
  std::string text = ResponseHeadText(response, LengthField(response), options_.keep_alive);
  if (!options_.head_only) text += response.body;
  complete_ = Write(text);
  return complete_;
}

bool SocketExchange::BeginStream(const Response& head) {
  answered_ = true;
  // HTTP/1.0 has no chunks: there the end of the connection is the end of the answer.
  if (options_.http_1_0) options_.keep_alive = false;
  const HeaderField framing =
      options_.http_1_0 ? HeaderField() : HeaderField("Transfer-Encoding", "chunked");
  return Write(ResponseHeadText(head, framing, options_.keep_alive));
}

bool SocketExchange::WriteStream(std::string_view piece) {
  return options_.http_1_0 ? Write(piece) : Write(ChunkText(piece));
}

bool SocketExchange::EndStream() {
  complete_ = options_.http_1_0 ? !broken_ : Write(kLastChunk);
  return complete_;
}

}  // namespace moira::server
