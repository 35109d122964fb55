#include "server/api/completion_handler.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/api/answer_sink.h"
#include "server/api/chat_prompt.h"
#include "server/api/choice_text.h"
#include "server/api/completion_answer.h"
#include "server/api/generation.h"
#include "server/api/json_reader.h"

namespace moira::server {
namespace {

using engine::FinishReason;
using engine::TokenId;
using Clock = std::chrono::steady_clock;
using Kind = engine::TokenStream::Event::Kind;
using MaybeError = std::optional<ApiError>;

constexpr int kClientLeft = 499;  // nginx's name for it; only counted, never sent

MaybeError ReadBody(Endpoint endpoint, const std::string& body, const ApiContext& context,
                    CompletionRequest* request) {
  const Result<TemplateValue> json = ParseJson(body);
  if (!json.ok()) return TransportError(400, json.status().message());
  const SchemaContext schema{DefaultSampling(context.engine.model()),
                             context.engine.tokenizer().vocabulary_size()};
  if (MaybeError error = ReadCompletionRequest(endpoint, *json, schema, request)) return error;
  if (!IsServedModel(context, request->model)) return UnknownModelError(request->model);
  return std::nullopt;
}

// The request's prompts as tokens, each fit for the context.
MaybeError EncodePrompts(const CompletionRequest& request, const ApiContext& context,
                         std::vector<std::vector<TokenId>>* prompts) {
  if (request.endpoint == Endpoint::kChat) {
    if (MaybeError error = EncodeChat(context.engine, request.chat, &prompts->emplace_back())) {
      return error;
    }
  }
  for (const PromptInput& prompt : request.prompts) {
    prompts->push_back(EncodePrompt(context.engine.tokenizer(), prompt));
  }
  const size_t context_size = context.engine.model().context_size;
  // A request that generates nothing needs no room for it.
  const size_t reserve = request.max_tokens == 0u ? 0 : 1;
  for (const std::vector<TokenId>& prompt : *prompts) {
    if (prompt.empty()) return FieldError("prompt", "prompt is empty: it has no tokens");
    if (prompt.size() + reserve > context_size) {
      return ContextLengthError(prompt.size(), context_size);
    }
  }
  return std::nullopt;
}

engine::GenerateRequest MakeGenerateRequest(const CompletionRequest& request,
                                            const ApiContext& context,
                                            const std::vector<TokenId>& prompt, size_t choice) {
  const size_t room = context.engine.model().context_size - prompt.size();
  engine::GenerateRequest generate;
  generate.prompt = prompt;
  generate.max_tokens =
      static_cast<uint32_t>(std::min<size_t>(request.max_tokens.value_or(room), room));
  generate.sampling = request.sampling;
  if (generate.sampling.seed) *generate.sampling.seed += choice;
  generate.ignore_end = request.ignore_end;
  if (request.wants_logprobs) {
    generate.logprobs = request.logprob_count;
    if (request.echo) generate.prompt_logprobs = request.logprob_count;
  }
  generate.reuse_prefix = request.reuse_prefix && context.shares_prefixes;
  return generate;
}

// One request while it is answered: takes the engine's events, makes text of them, and feeds the
// sink. Used by one thread.
class CompletionRun {
 public:
  CompletionRun(const CompletionRequest& request, const ApiContext& context, Exchange& exchange,
                std::vector<std::vector<TokenId>> prompts)
      : request_(request),
        context_(context),
        exchange_(exchange),
        prompts_(std::move(prompts)),
        format_(request, context.engine.tokenizer(), context.model),
        generation_(context.engine, MakeSequences(), context.window),
        left_(prompts_.size() * request.choices) {
    sink_ = request.stream ? MakeStreamSink(request, format_, exchange)
                           : MakeWholeSink(format_, left_, exchange);
    for (size_t i = 0; i < left_; ++i) choices_.push_back(MakeChoice(i));
  }

  int Run() {
    const Cancellation::Subscription subscription(exchange_.cancellation(),
                                                  [this] { generation_.CancelAll(); });
    if (const Status status = generation_.Start(); !status.ok()) {
      const ApiError error = ErrorOf(status, context_.admission.RetryAfter());
      return exchange_.Send(ErrorResponse(error)) ? error.http_status : kClientLeft;
    }
    for (size_t i = 0; i < choices_.size(); ++i) Check(Begin(i));
    while (auto next = generation_.Next(context_.ping_interval)) {
      if (next->event.kind == Kind::kTimeout) {
        if (!client_left_ && !error_) Check(sink_->KeepAlive());
        continue;
      }
      Take(next->sequence, std::move(next->event));
    }
    return Conclude();
  }

 private:
  struct Choice {
    std::unique_ptr<ChoiceText> text;
    bool began = false;  // a token came
    std::optional<Clock::time_point> last_token;
  };

  size_t PromptOf(size_t choice) const { return choice / request_.choices; }
  bool IsFirstOfPrompt(size_t choice) const { return choice % request_.choices == 0; }

  std::vector<Generation::Sequence> MakeSequences() const {
    std::vector<Generation::Sequence> sequences;
    for (const std::vector<TokenId>& prompt : prompts_) {
      const size_t first = sequences.size();
      for (size_t j = 0; j < request_.choices; ++j) {
        sequences.push_back({MakeGenerateRequest(request_, context_, prompt, j),
                             j == 0 ? std::optional<size_t>() : first});
      }
    }
    return sequences;
  }

  Choice MakeChoice(size_t index) const {
    Choice choice;
    const size_t offset = request_.echo ? CountCodePoints(EchoText(PromptOf(index))) : 0;
    choice.text = std::make_unique<ChoiceText>(context_.engine.tokenizer(), request_.stop, offset,
                                               request_.ignore_end);
    return choice;
  }

  std::string EchoText(size_t prompt) const {
    const PromptInput& input = request_.prompts[prompt];
    if (!input.tokens) return input.text;
    Utf8Assembler assembler;
    std::string text = assembler.Append(context_.engine.tokenizer().Decode(*input.tokens, true));
    return text + assembler.Flush();
  }

  bool Begin(size_t index) {
    if (!sink_->Begin(index, prompts_[PromptOf(index)])) return false;
    // With logprobs, the echo comes with the engine's event that has them.
    if (!request_.echo || request_.wants_logprobs) return true;
    return sink_->Append(index, {EchoText(PromptOf(index)), {}});
  }

  void Check(bool client_is_there) {
    if (client_is_there || client_left_) return;
    client_left_ = true;
    generation_.CancelAll();
  }

  void Take(size_t index, engine::TokenStream::Event event) {
    switch (event.kind) {
      case Kind::kPrompt:
        return TakePrompt(index, std::move(event.prompt));
      case Kind::kToken:
        return TakeToken(index, std::move(event.token));
      case Kind::kEnd:
        return TakeEnd(index, event);
      case Kind::kTimeout:
        return;
    }
  }

  void TakePrompt(size_t index, std::vector<engine::GeneratedToken> tokens) {
    if (client_left_ || !request_.echo) return;
    TextDelta echo{EchoText(PromptOf(index)), {}};
    size_t offset = 0;
    Utf8Assembler assembler;
    for (engine::GeneratedToken& token : tokens) {
      PlacedToken placed;
      placed.bytes = context_.engine.tokenizer().TokenText(token.token);
      placed.text_offset = offset;
      placed.token = std::move(token);
      offset += CountCodePoints(assembler.Append(placed.bytes));
      echo.tokens.push_back(std::move(placed));
    }
    Check(sink_->Append(index, std::move(echo)));
  }

  void TakeToken(size_t index, engine::GeneratedToken token) {
    Choice& choice = choices_[index];
    if (client_left_ || error_ || choice.text->stopped()) return;
    ObserveToken(choice);
    choice.text->Append(std::move(token));
    if (choice.text->stopped()) generation_.Cancel(index);
    Check(sink_->Append(index, choice.text->Take()));
  }

  void ObserveToken(Choice& choice) {
    const Clock::time_point now = Clock::now();
    if (choice.last_token) {
      context_.metrics.ObserveInterToken(now - *choice.last_token);
    } else if (!std::exchange(any_token_, true)) {
      context_.metrics.ObserveFirstToken(now - start_);
    }
    choice.last_token = now;
  }

  void TakeEnd(size_t index, const engine::TokenStream::Event& event) {
    Choice& choice = choices_[index];
    totals_.Add(event.timings, IsFirstOfPrompt(index));
    context_.metrics.ObserveEngineTimes(event.timings);
    --left_;
    if (client_left_ || error_) return;
    const bool cut = choice.text->stopped();
    if (!cut && event.reason == FinishReason::kError) {
      return Fail(ErrorOf(event.status, context_.admission.RetryAfter()));
    }
    if (!cut && event.reason == FinishReason::kCancelled) {
      // The client is still there: the engine ended it because the server shuts down.
      return Fail(UnavailableError("draining", context_.admission.RetryAfter()));
    }
    choice.text->Finish();
    Check(sink_->Append(index, choice.text->Take()));
    if (client_left_) return;
    const std::string_view reason =
        choice.text->stopped() ? "stop" : FinishReasonName(event.reason);
    context_.metrics.CountSequence(reason);
    Check(sink_->Finish(index, reason, left_ == 0 ? &totals_ : nullptr));
  }

  void Fail(ApiError error) {
    error_ = std::move(error);
    generation_.CancelAll();
  }

  int Conclude() {
    context_.metrics.ObserveRequest(Clock::now() - start_);
    if (client_left_ || exchange_.cancellation().cancelled()) {
      context_.metrics.CountSequence("cancelled");
      return kClientLeft;
    }
    if (error_) {
      context_.metrics.CountSequence("error");
      return sink_->Fail(*error_);
    }
    return sink_->Complete(totals_);
  }

  const CompletionRequest& request_;
  const ApiContext& context_;
  Exchange& exchange_;
  const Clock::time_point start_ = Clock::now();
  const std::vector<std::vector<TokenId>> prompts_;
  const AnswerFormat format_;
  Generation generation_;
  std::unique_ptr<AnswerSink> sink_;
  std::vector<Choice> choices_;
  size_t left_;  // choices that have not ended
  AnswerTotals totals_;
  std::optional<ApiError> error_;
  bool client_left_ = false;
  bool any_token_ = false;
};

}  // namespace

bool IsServedModel(const ApiContext& context, const std::string& model) {
  return model.empty() || model == context.model || model == context.engine.model().name;
}

int HandleCompletion(Endpoint endpoint, const Request& request, const ApiContext& context,
                     Exchange& exchange) {
  const Admission::Place place(context.admission);
  const auto refuse = [&](const ApiError& error) {
    return exchange.Send(ErrorResponse(error)) ? error.http_status : kClientLeft;
  };
  CompletionRequest completion;
  if (const MaybeError error = ReadBody(endpoint, request.body, context, &completion)) {
    return refuse(*error);
  }
  std::vector<std::vector<TokenId>> prompts;
  if (const MaybeError error = EncodePrompts(completion, context, &prompts)) {
    return refuse(*error);
  }
  return CompletionRun(completion, context, exchange, std::move(prompts)).Run();
}

}  // namespace moira::server
