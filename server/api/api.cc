#include "server/api/api.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <utility>

#include "cache/device/log.h"
#include "server/api/api_error.h"
#include "server/api/text_handlers.h"

namespace moira::server {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr int kLoadingRetrySeconds = 5;
constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// The key that a request shows, in either of the two usual fields.
std::string_view PresentedKey(const RequestHead& head) {
  const std::string_view authorization = head.Find("Authorization");
  if (authorization.size() > kBearer.size() &&
      EqualsIgnoringCase(authorization.substr(0, kBearer.size()), kBearer)) {
    return authorization.substr(kBearer.size());
  }
  return head.Find("X-Api-Key");
}

// "localhost:8411" -> "localhost", "[::1]:8411" -> "::1".
std::string_view HostName(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? std::string_view() : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

// Only the media type counts, not its parameters.
bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return EqualsIgnoringCase(type, "application/json");
}

std::string FileStem(std::string_view path) {
  path = path.substr(path.find_last_of('/') + 1);
  if (path.ends_with(".gguf")) path.remove_suffix(5);
  return std::string(path);
}

Response JsonText(int status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

// Remembers which status was sent, for the counters.
class CountingExchange : public Exchange {
 public:
  using Decorate = std::function<void(Response*)>;
  CountingExchange(Exchange& inner, Decorate decorate)
      : inner_(inner), decorate_(std::move(decorate)) {}

  bool Send(const Response& response) override {
    Response decorated = response;
    decorate_(&decorated);
    started_ = true;
    return inner_.Send(decorated);
  }
  bool BeginStream(const Response& head) override {
    Response decorated = head;
    decorate_(&decorated);
    started_ = true;
    return inner_.BeginStream(decorated);
  }
  bool WriteStream(std::string_view piece) override { return inner_.WriteStream(piece); }
  bool EndStream() override { return inner_.EndStream(); }
  Cancellation& cancellation() override { return inner_.cancellation(); }
  bool started() const { return started_; }

 private:
  Exchange& inner_;
  Decorate decorate_;
  bool started_ = false;
};

}  // namespace

Api::Api(ApiOptions options)
    : options_(std::move(options)),
      keys_(options_.api_keys),
      admission_(options_.parallel, options_.parallel + options_.max_queued) {}

void Api::Attach(engine::Engine* engine) {
  // With several keys, a prompt that is answered fast would tell one client what another one sent.
  const bool shares_prefixes = keys_.count() <= 1;
  const std::string model =
      options_.alias.empty() ? FileStem(engine->model().path) : options_.alias;
  owned_context_.reset(new ApiContext{*engine, metrics_, admission_, model,
                                      std::max<size_t>(options_.parallel, 1), shares_prefixes,
                                      options_.ping_interval});
  context_ = owned_context_.get();
  progress_ = 1;
  State starting = State::kStarting;  // a drain that began already stays
  state_.compare_exchange_strong(starting, State::kReady);
}

void Api::SetLoadProgress(double share) { progress_ = share; }

void Api::BeginDrain() { state_.store(State::kDraining); }

bool Api::WaitUntilIdle(std::chrono::milliseconds deadline) {
  return admission_.WaitUntilEmpty(deadline);
}

std::optional<ApiError> Api::CheckHost(const RequestHead& head) const {
  if (!options_.loopback || head.Count("Host") == 0) return std::nullopt;
  // A page from elsewhere whose name was made to point to this machine still sends its own name.
  const std::string_view name = HostName(head.Find("Host"));
  const std::array<std::string_view, 4> own = {"localhost", "127.0.0.1", "::1", options_.host};
  const bool known = std::any_of(own.begin(), own.end(), [&](std::string_view candidate) {
    return EqualsIgnoringCase(candidate, name);
  });
  if (known) return std::nullopt;
  return TransportError(403, "this server only answers as localhost: the Host field is another");
}

std::optional<ApiError> Api::CheckAccess(const RequestHead& head, const Route* route) const {
  if (std::optional<ApiError> error = CheckHost(head)) return error;
  const bool is_open = route != nullptr && route->is_open;
  if (!is_open && keys_.required()) {
    const std::string_view key = PresentedKey(head);
    if (!keys_.Accepts(key)) return InvalidKeyError(!key.empty());
  }
  return std::nullopt;
}

std::optional<ApiError> Api::CheckState(const Route& route) const {
  if (!route.needs_engine) return std::nullopt;
  const State state = state_.load();
  if (state == State::kStarting) return UnavailableError("loading", kLoadingRetrySeconds);
  if (state == State::kDraining) return UnavailableError("draining", admission_.RetryAfter());
  if (route.generates && admission_.full()) return OverloadedError(admission_.RetryAfter());
  return std::nullopt;
}

std::optional<Response> Api::Decide(const RequestHead& head, const Route* route) const {
  const std::string allowed = AllowedMethods(head.path());
  if (head.method == "OPTIONS" && !allowed.empty()) return Options(head.path());
  if (std::optional<ApiError> error = CheckAccess(head, route)) return ErrorResponse(*error);
  if (route == nullptr && allowed.empty()) {
    return ErrorResponse(TransportError(404, "there is nothing at this path"));
  }
  if (route == nullptr) {
    Response response = ErrorResponse(TransportError(405, "this path does not take this method"));
    response.fields.emplace_back("Allow", allowed);
    return response;
  }
  // A browser sends other types across origins without asking first.
  if (route->method == "POST" && !IsJson(head.Find("Content-Type"))) {
    return ErrorResponse(TransportError(415, "Content-Type must be application/json"));
  }
  if (std::optional<ApiError> error = CheckState(*route)) return ErrorResponse(*error);
  if (route->is_immediate) return Health(route->id);
  return std::nullopt;
}

std::optional<Response> Api::Admit(const RequestHead& head) {
  const Route* route = FindRoute(head.method, head.path());
  std::optional<Response> answer = Decide(head, route);
  if (answer) {
    AddCorsFields(head, &*answer);
    metrics_.CountRequest(route == nullptr ? "none" : route->path, answer->status);
  }
  return answer;
}

Response Api::Refuse(int status, std::string_view reason) {
  metrics_.CountRequest("none", status);
  ApiError error = TransportError(status, std::string(reason));
  if (status == 503) error.retry_after = 1;
  Response response = ErrorResponse(error);
  response.close = true;
  return response;
}

Response Api::Options(std::string_view path) const {
  Response response;
  response.status = 204;
  response.fields.emplace_back("Allow", AllowedMethods(path));
  return response;
}

void Api::AddCorsFields(const RequestHead& head, Response* response) const {
  const std::string_view origin = head.Find("Origin");
  const auto& allowed = options_.cors_origins;
  const auto found = std::find(allowed.begin(), allowed.end(), origin);
  if (origin.empty() || found == allowed.end()) return;
  response->fields.emplace_back("Access-Control-Allow-Origin", *found);
  response->fields.emplace_back("Vary", "Origin");
  if (head.method == "OPTIONS") {
    response->fields.emplace_back("Access-Control-Allow-Methods", AllowedMethods(head.path()));
    response->fields.emplace_back("Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, X-Api-Key");
  }
}

Response Api::Health(RouteId id) const {
  const State state = state_.load();
  if (id == RouteId::kLive) return JsonText(200, R"({"status":"ok"})");
  if (state == State::kReady) {
    return JsonText(200, id == RouteId::kHealth ? R"({"status":"ok"})" : R"({"state":"ready"})");
  }
  const bool draining = state == State::kDraining;
  if (id == RouteId::kHealth) {
    return ErrorResponse(UnavailableError(draining ? "draining" : "loading", kLoadingRetrySeconds));
  }
  char body[64];
  std::snprintf(body, sizeof body, R"({"state":"%s","progress":%.3f})",
                draining ? "draining" : "starting", progress_.load());
  Response response = JsonText(503, body);
  response.fields.emplace_back("Retry-After", std::to_string(kLoadingRetrySeconds));
  return response;
}

Response Api::MetricsPage() const {
  Metrics::Snapshot snapshot;
  if (const Transport* transport = transport_) snapshot.transport = transport->stats();
  snapshot.load_progress = progress_;
  snapshot.ready = state_ == State::kReady;
  engine::EngineStats stats;
  if (const ApiContext* context = context_) {
    stats = context->engine.stats();
    snapshot.engine = &stats;
    snapshot.model = context->model;
  }
  Response response;
  response.content_type = kMetricsType;
  response.body = metrics_.Render(snapshot);
  return response;
}

Response Api::Answer(const Route& route, const Request& request) const {
  switch (route.id) {
    case RouteId::kMetrics:
      return MetricsPage();
    case RouteId::kTokenize:
      return HandleTokenize(request, *context_.load());
    case RouteId::kDetokenize:
      return HandleDetokenize(request, *context_.load());
    case RouteId::kModels:
      return HandleModels(*context_.load());
    case RouteId::kModel:
      return HandleModel(ModelNameOf(request.head.path()), *context_.load());
    case RouteId::kLive:
    case RouteId::kReady:
    case RouteId::kHealth:
    case RouteId::kChatCompletions:
    case RouteId::kCompletions:
      break;
  }
  return ErrorResponse(TransportError(500, "this route has no answer"));
}

int Api::Dispatch(const Route& route, const Request& request, Exchange& exchange) {
  if (route.generates) {
    const Endpoint endpoint =
        route.id == RouteId::kChatCompletions ? Endpoint::kChat : Endpoint::kCompletion;
    return HandleCompletion(endpoint, request, *context_.load(), exchange);
  }
  const Response response = Answer(route, request);
  exchange.Send(response);
  return response.status;
}

void Api::Handle(const Request& request, Exchange& exchange) {
  CountingExchange counting(exchange,
                            [&](Response* response) { AddCorsFields(request.head, response); });
  const Route* route = FindRoute(request.head.method, request.head.path());
  int status = 500;
  // Nothing that is thrown in here may end the process: a request costs at most its own answer.
  try {
    status = Dispatch(*route, request, counting);
  } catch (const std::exception& error) {
    LogError(std::string("a request failed: ") + error.what());
    if (!counting.started()) counting.Send(ErrorResponse(TransportError(500, "internal error")));
  }
  metrics_.CountRequest(route->path, status);
}

}  // namespace moira::server
