#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "cache/device/status.h"

namespace moira::server {

struct ChatMessage {
  std::string role;
  std::string content;
};

struct ChatSettings {
  std::string url = "http://127.0.0.1:8411";
  std::string api_key;
  uint32_t max_tokens = 512;
  double temperature = -1;  // below zero: the server's default
};

struct ChatReply {
  std::string text;
  std::string finish_reason;
  std::string timings;  // the server's `timings` object as JSON, empty if it sent none
};

// A conversation with an OpenAI-compatible server, streamed. One thread.
class ChatClient {
 public:
  explicit ChatClient(ChatSettings settings);
  ~ChatClient();

  // kUnavailable when no server answers or it is not ready.
  Status CheckReady();
  // Sends the conversation so far and the message; `heard` gets the answer's text as it comes. The
  // answer joins the conversation. On an error the message is taken back.
  Result<ChatReply> Say(const std::string& message,
                        const std::function<void(std::string_view)>& heard);
  void SetSystem(const std::string& text);  // starts the conversation anew

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moira::server
