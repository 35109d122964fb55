#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "server/api/api_error.h"
#include "server/api/completion_answer.h"
#include "server/http/exchange.h"

namespace moira::server {

// Where the parts of one answer go: to the client as they come, or into one body. Calls return
// false once the client is gone. Used by one thread.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;

  // Of every choice, before anything else of it.
  virtual bool Begin(size_t choice, std::span<const engine::TokenId> prompt) = 0;
  virtual bool Append(size_t choice, TextDelta delta) = 0;
  // `totals` with the last choice to finish, else null.
  virtual bool Finish(size_t choice, std::string_view reason, const AnswerTotals* totals) = 0;
  // Nothing came for a while.
  virtual bool KeepAlive() = 0;
  // Ends the answer: nothing of it follows. Returns the HTTP status that the client sees.
  virtual int Fail(const ApiError& error) = 0;
  virtual int Complete(const AnswerTotals& totals) = 0;
};

// Server-sent events.
std::unique_ptr<AnswerSink> MakeStreamSink(const CompletionRequest& request,
                                           const AnswerFormat& format, Exchange& exchange);
// One JSON body.
std::unique_ptr<AnswerSink> MakeWholeSink(const AnswerFormat& format, size_t choices,
                                          Exchange& exchange);

}  // namespace moira::server
