#pragma once

#include <chrono>
#include <memory>

#include "server/http/exchange.h"

namespace moira::server {

struct ExchangeOptions {
  int socket = -1;  // non-blocking, connected; stays open as long as the exchange is used
  bool http_1_0 = false;
  bool head_only = false;  // HEAD: the answer's body is left out
  bool keep_alive = true;
  std::chrono::milliseconds write_timeout{5'000};
};

// Writes answers straight to the socket from the worker thread: a token reaches the network without
// a hop through the I/O thread. Used by one thread.
class SocketExchange : public Exchange {
 public:
  SocketExchange(const ExchangeOptions& options, Cancellation& cancellation)
      : options_(options), cancellation_(cancellation) {}

  bool Send(const Response& response) override;
  bool BeginStream(const Response& head) override;
  bool WriteStream(std::string_view piece) override;
  bool EndStream() override;
  Cancellation& cancellation() override { return cancellation_; }

  bool answered() const { return answered_; }
  // The answer is whole and both sides may go on on this connection.
  bool reusable() const { return complete_ && options_.keep_alive; }

 private:
  bool Write(std::string_view bytes);

  ExchangeOptions options_;
  Cancellation& cancellation_;
  bool answered_ = false;
  bool complete_ = false;
  bool broken_ = false;
};

}  // namespace moira::server
