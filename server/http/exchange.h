#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/http/cancellation.h"
#include "server/http/message.h"

namespace moira::server {

// The answering side of one request, used by the one thread that handles it. Every call writes
// before it returns and is bounded by the write timeout; false means that the client is gone.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // The whole answer.
  virtual bool Send(const Response& response) = 0;

  // Or an answer in pieces: head, any number of pieces (not empty), end. Without EndStream the
  // connection is cut, so that the client sees that the answer is not whole.
  virtual bool BeginStream(const Response& head) = 0;
  virtual bool WriteStream(std::string_view piece) = 0;
  virtual bool EndStream() = 0;

  // Fires when the client closes its side, or the server stops.
  virtual Cancellation& cancellation() = 0;
};

// What the transport serves. Thread-safe.
class Application {
 public:
  virtual ~Application() = default;

  // Looks at a head before its body is read; an answer ends the request. Called by the I/O thread:
  // never blocks.
  virtual std::optional<Response> Admit(const RequestHead& head) = 0;
  // Answers the request. Called by a worker thread; may block.
  virtual void Handle(const Request& request, Exchange& exchange) = 0;
  // The answer for what the transport itself refuses.
  virtual Response Refuse(int status, std::string_view reason) = 0;
};

}  // namespace moira::server
