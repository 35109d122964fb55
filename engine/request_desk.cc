#include "engine/request_desk.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "engine/logprobs.h"

namespace moira::engine {
namespace {

uint64_t RandomSeed() {
  std::random_device source;
  return (uint64_t{source()} << 32) | source();
}

Status CheckPrompt(const RequestLimits& limits, const GenerateRequest& request) {
  if (request.prompt.empty()) return InvalidArgument("the prompt is empty");
  const size_t most = limits.context_size - (request.max_tokens > 0 ? 1 : 0);
  if (request.prompt.size() > most) {
    return InvalidArgument("the prompt has " + std::to_string(request.prompt.size()) +
                           " tokens, the context of " + std::to_string(limits.context_size) +
                           " leaves room for " + std::to_string(most));
  }
  for (TokenId token : request.prompt) {
    if (token >= 0 && static_cast<size_t>(token) < limits.vocabulary) continue;
    return InvalidArgument("the prompt has token " + std::to_string(token) +
                           ", the vocabulary has " + std::to_string(limits.vocabulary));
  }
  return {};
}

Status CheckAlternatives(const char* field, const std::optional<uint32_t>& count) {
  if (!count.has_value() || *count <= kMaxAlternatives) return {};
  return InvalidArgument(std::string(field) + " is " + std::to_string(*count) +
                         ", must be at most " + std::to_string(kMaxAlternatives));
}

}  // namespace

Status ValidateRequest(const RequestLimits& limits, GenerateRequest& request) {
  MOIRA_RETURN_IF_ERROR(CheckPrompt(limits, request));
  MOIRA_RETURN_IF_ERROR(CheckAlternatives("logprobs", request.logprobs));
  MOIRA_RETURN_IF_ERROR(CheckAlternatives("prompt_logprobs", request.prompt_logprobs));
  MOIRA_RETURN_IF_ERROR(ValidateSampling(request.sampling, limits.vocabulary));
  request.max_tokens = std::min(request.max_tokens,
                                limits.context_size - static_cast<uint32_t>(request.prompt.size()));
  return {};
}

RequestDesk::RequestDesk(const RequestLimits& limits, std::shared_ptr<WakeSignal> engine)
    : limits_(limits), engine_(std::move(engine)), counter_(std::make_shared<Counter>()) {}

Result<std::unique_ptr<TokenStream>> RequestDesk::Submit(GenerateRequest request) {
  MOIRA_RETURN_IF_ERROR(ValidateRequest(limits_, request));
  const uint64_t seed = request.sampling.seed.value_or(RandomSeed());
  auto channel = std::make_shared<StreamChannel>(engine_);
  auto stream = MakeTokenStream(channel);
  auto sequence = std::make_unique<Sequence>(std::move(request), seed, std::move(channel));
  {
    std::lock_guard lock(mutex_);
    if (Status status = CountIn(); !status.ok()) {
      ++refused_;
      return status;
    }
    sequence->Hold(std::shared_ptr<void>(nullptr, [counter = counter_](void*) {
      std::lock_guard counter_lock(counter->mutex);
      if (--counter->in_flight == 0) counter->empty.notify_all();
    }));
    new_.push_back(std::move(sequence));
    ++submitted_;
  }
  engine_->Notify();
  return stream;
}

Status RequestDesk::CountIn() {
  if (closed_) return Unavailable("the server is shutting down");
  std::lock_guard lock(counter_->mutex);
  if (counter_->in_flight >= limits_.in_flight) {
    return ResourceExhausted("the queue is full: " + std::to_string(counter_->in_flight) +
                             " requests run or wait");
  }
  ++counter_->in_flight;
  return {};
}

void RequestDesk::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

void RequestDesk::CancelAll() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    cancelling_ = true;
  }
  engine_->Notify();
}

bool RequestDesk::WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(counter_->mutex);
  return counter_->empty.wait_until(lock, deadline, [this] { return counter_->in_flight == 0; });
}

void RequestDesk::WaitUntilEmpty() {
  std::unique_lock lock(counter_->mutex);
  counter_->empty.wait(lock, [this] { return counter_->in_flight == 0; });
}

std::vector<std::unique_ptr<Sequence>> RequestDesk::TakeNew() {
  std::lock_guard lock(mutex_);
  return std::exchange(new_, {});
}

bool RequestDesk::cancelling() const {
  std::lock_guard lock(mutex_);
  return cancelling_;
}

size_t RequestDesk::in_flight() const {
  std::lock_guard lock(counter_->mutex);
  return counter_->in_flight;
}

uint64_t RequestDesk::submitted() const {
  std::lock_guard lock(mutex_);
  return submitted_;
}

uint64_t RequestDesk::refused() const {
  std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace moira::engine
