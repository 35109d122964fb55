#include "server/api/answer_sink.h"

#include <iterator>
#include <string>
#include <utility>

#include "server/api/sse.h"

namespace moira::server {
namespace {

class StreamSink : public AnswerSink {
 public:
  StreamSink(const CompletionRequest& request, const AnswerFormat& format, Exchange& exchange)
      : include_usage_(request.include_usage),
        show_tokens_(request.wants_logprobs || request.return_token_ids),
        format_(format),
        exchange_(exchange) {}

  bool Begin(size_t choice, std::span<const engine::TokenId> prompt) override {
    if (!started_) {
      started_ = true;
      Response head;
      head.content_type = "text/event-stream; charset=utf-8";
      head.fields = {{"Cache-Control", "no-cache"}, {"X-Request-Id", format_.id()}};
      if (!exchange_.BeginStream(head)) return false;
    }
    if (!format_.has_first_chunk()) return true;
    return Send(format_.FirstChunk(choice, prompt));
  }

  bool Append(size_t choice, TextDelta delta) override {
    if (delta.text.empty() && (delta.tokens.empty() || !show_tokens_)) return true;
    return Send(format_.DeltaChunk(choice, delta));
  }

  bool Finish(size_t choice, std::string_view reason, const AnswerTotals* totals) override {
    return Send(format_.FinishChunk(choice, reason, include_usage_ ? nullptr : totals));
  }

  bool KeepAlive() override { return exchange_.WriteStream(kSsePing); }

  // The status line is gone already: the error is the last event, and no [DONE] follows.
  int Fail(const ApiError& error) override {
    Send(ErrorBody(error));
    exchange_.EndStream();
    return error.http_status;
  }

  int Complete(const AnswerTotals& totals) override {
    if (include_usage_) Send(format_.UsageChunk(totals));
    exchange_.WriteStream(kSseDone);
    return exchange_.EndStream() ? 200 : 499;
  }

 private:
  bool Send(std::string_view json) { return exchange_.WriteStream(SseData(json)); }

  bool include_usage_;
  bool show_tokens_;
  const AnswerFormat& format_;
  Exchange& exchange_;
  bool started_ = false;
};

class WholeSink : public AnswerSink {
 public:
  WholeSink(const AnswerFormat& format, size_t choices, Exchange& exchange)
      : format_(format), exchange_(exchange), choices_(choices) {}

  bool Begin(size_t choice, std::span<const engine::TokenId> prompt) override {
    choices_[choice].prompt.assign(prompt.begin(), prompt.end());
    return true;
  }

  bool Append(size_t choice, TextDelta delta) override {
    TextDelta& whole = choices_[choice].content;
    whole.text += delta.text;
    whole.tokens.insert(whole.tokens.end(), std::make_move_iterator(delta.tokens.begin()),
                        std::make_move_iterator(delta.tokens.end()));
    return true;
  }

  bool Finish(size_t choice, std::string_view reason, const AnswerTotals*) override {
    choices_[choice].finish_reason = reason;
    return true;
  }

  bool KeepAlive() override { return !exchange_.cancellation().cancelled(); }

  int Fail(const ApiError& error) override {
    return exchange_.Send(ErrorResponse(error)) ? error.http_status : 499;
  }

  int Complete(const AnswerTotals& totals) override {
    Response response;
    response.content_type = "application/json";
    response.body = format_.Whole(choices_, totals);
    response.fields = {{"X-Request-Id", format_.id()}};
    return exchange_.Send(response) ? 200 : 499;
  }

 private:
  const AnswerFormat& format_;
  Exchange& exchange_;
  std::vector<ChoiceAnswer> choices_;
};

}  // namespace

std::unique_ptr<AnswerSink> MakeStreamSink(const CompletionRequest& request,
                                           const AnswerFormat& format, Exchange& exchange) {
  return std::make_unique<StreamSink>(request, format, exchange);
}

std::unique_ptr<AnswerSink> MakeWholeSink(const AnswerFormat& format, size_t choices,
                                          Exchange& exchange) {
  return std::make_unique<WholeSink>(format, choices, exchange);
}

}  // namespace moira::server
