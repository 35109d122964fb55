#include "server/cli/chat_client.h"

#include <httplib.h>

#include <nlohmann/json.hpp>

namespace moira::server {
namespace {

using Json = nlohmann::json;
constexpr size_t kMaximumEvent = 1 << 20;  // bytes of one line of the stream
constexpr time_t kReadSeconds = 600;       // between two tokens: a cold model may be slow

// The message of an OpenAI error body, or the body's start.
std::string ErrorText(const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_object()) {
    return json["error"].value("message", std::string("unknown error"));
  }
  return body.substr(0, 200);
}

// Collects a streamed chat completion from the bytes of its server-sent events.
class StreamReader {
 public:
  explicit StreamReader(const std::function<void(std::string_view)>& heard) : heard_(heard) {}

  bool Receive(std::string_view bytes) {
    pending_.append(bytes);
    size_t end;
    while ((end = pending_.find('\n')) != std::string::npos) {
      Line(std::string_view(pending_).substr(0, end));
      pending_.erase(0, end + 1);
    }
    raw_.append(bytes.substr(0, std::min(bytes.size(), kMaximumEvent - raw_.size())));
    return pending_.size() <= kMaximumEvent;
  }

  ChatReply& reply() { return reply_; }
  const std::string& error() const { return error_; }
  const std::string& raw() const {
    return raw_;
  }  // the body's start, for errors that are no stream

 private:
  void Line(std::string_view line) {
    constexpr std::string_view kPrefix = "data: ";
    if (!line.starts_with(kPrefix)) return;
    Json event = Json::parse(line.substr(kPrefix.size()), nullptr, false);
    if (!event.is_object()) return;
    if (event.contains("error")) error_ = ErrorText(event.dump(-1, ' ', false, Replace()));
    if (event.contains("timings")) reply_.timings = event["timings"].dump();
    if (!event.contains("choices") || !event["choices"].is_array() || event["choices"].empty()) {
      return;
    }
    const Json& choice = event["choices"][0];
    if (choice.contains("finish_reason") && choice["finish_reason"].is_string()) {
      reply_.finish_reason = choice["finish_reason"].get<std::string>();
    }
    if (!choice.contains("delta") || !choice["delta"].is_object()) return;
    const Json& delta = choice["delta"];
    if (delta.contains("content") && delta["content"].is_string()) {
      std::string text = delta["content"].get<std::string>();
      heard_(text);
      reply_.text += text;
    }
  }

  static Json::error_handler_t Replace() { return Json::error_handler_t::replace; }

  const std::function<void(std::string_view)>& heard_;
  std::string pending_, raw_, error_;
  ChatReply reply_;
};

}  // namespace

struct ChatClient::State {
  explicit State(ChatSettings s) : settings(std::move(s)), http(settings.url) {
    http.set_read_timeout(kReadSeconds);
    http.set_tcp_nodelay(true);
    if (!settings.api_key.empty()) http.set_bearer_token_auth(settings.api_key.c_str());
  }

  std::string Body() const {
    Json body = {{"messages", Json::array()},
                 {"stream", true},
                 {"stream_options", {{"include_usage", true}}},
                 {"max_tokens", settings.max_tokens}};
    if (settings.temperature >= 0) body["temperature"] = settings.temperature;
    for (const ChatMessage& message : messages) {
      body["messages"].push_back({{"role", message.role}, {"content", message.content}});
    }
    return body.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  ChatSettings settings;
  httplib::Client http;
  std::vector<ChatMessage> messages;
};

ChatClient::ChatClient(ChatSettings settings)
    : state_(std::make_unique<State>(std::move(settings))) {}
ChatClient::~ChatClient() = default;

Status ChatClient::CheckReady() {
  httplib::Result result = state_->http.Get("/readyz");
  if (!result) {
    return Unavailable("no server answers at " + state_->settings.url + " (" +
                       httplib::to_string(result.error()) + "); start one with moira serve");
  }
  if (result->status != 200) return Unavailable("the server is not ready: " + result->body);
  return {};
}

void ChatClient::SetSystem(const std::string& text) {
  state_->messages.clear();
  if (!text.empty()) state_->messages.push_back({"system", text});
}

Result<ChatReply> ChatClient::Say(const std::string& message,
                                  const std::function<void(std::string_view)>& heard) {
  state_->messages.push_back({"user", message});
  StreamReader reader(heard);
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.set_header("Content-Type", "application/json");
  request.body = state_->Body();
  request.content_receiver = [&reader](const char* data, size_t size, uint64_t, uint64_t) {
    return reader.Receive({data, size});
  };
  httplib::Result result = state_->http.send(request);
  Status status;
  if (!result) {
    status = Unavailable(state_->settings.url + ": " + httplib::to_string(result.error()));
  } else if (result->status != 200) {
    status = Status(
        result->status < 500 ? StatusCode::kInvalidArgument : StatusCode::kUnavailable,
        "the server answers " + std::to_string(result->status) + ": " + ErrorText(reader.raw()));
  } else if (!reader.error().empty()) {
    status = IoError("the server stopped the answer: " + reader.error());
  }
  if (!status.ok()) {
    state_->messages.pop_back();
    return status;
  }
  state_->messages.push_back({"assistant", reader.reply().text});
  return std::move(reader.reply());
}

}  // namespace moira::server
