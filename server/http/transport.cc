#include "server/http/transport.h"

#include <utility>  // Boost 1.74's Asio needs it first under C++20

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <future>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "cache/device/log.h"
#include "server/http/head_check.h"
#include "server/http/socket_exchange.h"
#include "server/http/worker_pool.h"

namespace moira::server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::beast::flat_buffer;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSweepInterval{100};    // granularity of all deadlines
constexpr std::chrono::milliseconds kAcceptPause{50};       // after accept failed (descriptors)
constexpr std::chrono::milliseconds kLingerTimeout{1'000};  // for the peer to read a refusal
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// A body that takes memory as bytes arrive; Beast's string_body reserves what is claimed.
struct GrowingBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>&, error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      size_t bytes = 0;
      for (const asio::const_buffer buffer : boost::beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        bytes += buffer.size();
      }
      return bytes;
    }
    void finish(error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::request_parser<GrowingBody>;

RequestHead HeadOf(const Parser& parser) {
  const auto& message = parser.get();
  RequestHead head;
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  head.version = static_cast<int>(message.version());
  for (const auto& field : message) {
    head.fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  return head;
}

// What a peer gets for bytes that are no request; nothing when it is gone.
std::optional<HeadFault> FaultOf(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return HeadFault{431, "the head of the request is too long"};
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message ||
      error.category() != http::make_error_code(http::error::bad_value).category()) {
    return std::nullopt;
  }
  return HeadFault{400, "not HTTP: " + error.message()};
}

class Connection;

// What connections share. Everything but the counters belongs to the I/O thread.
class Front {
 public:
  Front(const TransportOptions& options, Application& application)
      : options_(options), application_(application), acceptor_(io_), sweep_timer_(io_) {}

  error_code Listen(const tcp::endpoint& endpoint);
  void Accept();
  void Sweep();
  void CloseAll();
  void Remove(const Connection* connection);
  // Counts body bytes that arrived (or, negative, were let go) and closes the oldest incomplete
  // bodies while there are too many.
  void AddBodyBytes(ptrdiff_t bytes);

  const TransportOptions& options() const { return options_; }
  Application& application() { return application_; }
  asio::io_context& io() { return io_; }
  tcp::acceptor& acceptor() { return acceptor_; }
  bool stopping() const { return stopping_; }

  std::unique_ptr<WorkerPool> workers;
  std::atomic<uint64_t> open{0}, accepted{0}, evicted{0}, timed_out{0}, refused{0};

 private:
  void OnAccept(const error_code& error, tcp::socket socket);
  bool EvictOldest(bool only_bodies);

  const TransportOptions options_;
  Application& application_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer sweep_timer_;
  std::vector<std::shared_ptr<Connection>> connections_;
  size_t body_bytes_ = 0;
  bool stopping_ = false;
};

// One TCP connection: requests one after the other. Belongs to the I/O thread, but for the time of
// kHandling, when a worker writes to the socket; the descriptor stays open as long.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Front& front)
      : front_(front), socket_(std::move(socket)), since_(Clock::now()) {
    // The parser enforces the limit; the buffer only has to have room for it.
    buffer_.max_size(std::max<size_t>(front.options().max_head_bytes, 64 << 10));
  }

  void Start() { AwaitRequest(front_.options().head_timeout); }

  bool incomplete() const { return phase_ != Phase::kHandling && phase_ != Phase::kReplying; }
  bool in_body() const { return phase_ == Phase::kBody; }
  Clock::time_point since() const { return since_; }

  void CheckDeadline(Clock::time_point now) {
    if (phase_ == Phase::kHandling || now < deadline_) return;
    if (phase_ == Phase::kHead || phase_ == Phase::kBody) {
      ++front_.timed_out;
      SendOnce(front_.application().Refuse(408, "the request did not arrive in time"));
    }
    Close();
  }

  // Makes room; the peer gets no answer.
  void Evict() { Close(); }

  void Stop() {
    if (phase_ != Phase::kHandling) return Close();
    cancellation_->Cancel();
    ::shutdown(socket_.native_handle(), SHUT_RD);
  }

 private:
  enum class Phase { kIdle, kHead, kBody, kHandling, kReplying, kLingering, kClosed };

  void AwaitRequest(std::chrono::milliseconds timeout) {
    phase_ = Phase::kIdle;
    since_ = Clock::now();
    deadline_ = since_ + timeout;
    parser_.reset();
    if (buffer_.size() > 0) return ReadHead();
    Watch();
  }

  // Waits for bytes or the end of the stream. At most one wait is pending; it outlives changes of
  // the phase.
  void Watch() {
    if (watching_) return;
    watching_ = true;
    socket_.async_wait(tcp::socket::wait_read,
                       [self = shared_from_this()](const error_code& error) {
                         self->watching_ = false;
                         if (!error) self->OnReadable();
                       });
  }

  void OnReadable() {
    if (phase_ == Phase::kIdle) return ReadHead();
    if (phase_ != Phase::kHandling) return;
    char byte;
    const ssize_t peeked = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool gone = peeked == 0 || (peeked < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    // Bytes of a next request stay in the kernel until this one is answered; from here on only a
    // failing write tells that the client left.
    if (gone) cancellation_->Cancel();
  }

  void ReadHead() {
    phase_ = Phase::kHead;
    if (requests_ > 0) deadline_ = Clock::now() + front_.options().head_timeout;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(front_.options().max_head_bytes));
    parser_->body_limit(std::numeric_limits<uint64_t>::max());  // CheckHead has the rule
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](const error_code& error, size_t) {
                              if (self->phase_ == Phase::kHead) self->OnHead(error);
                            });
  }

  void OnHead(const error_code& error) {
    ++requests_;
    if (error) {
      const std::optional<HeadFault> fault = FaultOf(error);
      if (!fault) return Close();
      return Refuse(*fault);
    }
    request_.head = HeadOf(*parser_);
    if (const auto fault = CheckHead(request_.head, front_.options().max_body_bytes)) {
      return Refuse(*fault);
    }
    if (std::optional<Response> answer = front_.application().Admit(request_.head)) {
      return Reply(*answer, ContentLength(request_.head) == 0);
    }
    phase_ = Phase::kBody;
    deadline_ = Clock::now() + front_.options().body_timeout;
    parser_->eager(true);
    if (parser_->is_done()) return Dispatch();
    if (!ExpectsContinue(request_.head)) return ReadBody();
    asio::async_write(socket_, asio::buffer(kContinue),
                      [self = shared_from_this()](const error_code& write_error, size_t) {
                        if (self->phase_ != Phase::kBody) return;
                        write_error ? self->Close() : self->ReadBody();
                      });
  }

  void ReadBody() {
    http::async_read_some(socket_, buffer_, *parser_,
                          [self = shared_from_this()](const error_code& error, size_t) {
                            if (self->phase_ == Phase::kBody) self->OnBody(error);
                          });
  }

  void OnBody(const error_code& error) {
    if (error) return Close();
    const size_t arrived = parser_->get().body().size();
    const size_t grown = arrived - std::exchange(counted_body_bytes_, arrived);
    front_.AddBodyBytes(static_cast<ptrdiff_t>(grown));
    if (phase_ != Phase::kBody) return;
    parser_->is_done() ? Dispatch() : ReadBody();
  }

  void ReleaseBodyBytes() {
    const size_t counted = std::exchange(counted_body_bytes_, 0);
    if (counted > 0) front_.AddBodyBytes(-static_cast<ptrdiff_t>(counted));
  }

  void Dispatch() {
    request_.body = std::move(parser_->get().body());
    ReleaseBodyBytes();
    phase_ = Phase::kHandling;
    cancellation_ = std::make_shared<Cancellation>();
    Watch();
    front_.workers->Run([self = shared_from_this()] { self->Handle(); });
  }

  // On a worker thread.
  void Handle() {
    const ExchangeOptions options{
        .socket = socket_.native_handle(),
        .http_1_0 = request_.head.version == 10,
        .head_only = request_.head.method == "HEAD",
        .keep_alive = WantsKeepAlive(request_.head),
        .write_timeout = front_.options().write_timeout,
    };
    SocketExchange exchange(options, *cancellation_);
    front_.application().Handle(request_, exchange);
    if (!exchange.answered()) exchange.Send(front_.application().Refuse(500, "no answer"));
    request_ = {};
    asio::post(front_.io(), [self = shared_from_this(), reusable = exchange.reusable()] {
      self->OnHandled(reusable);
    });
  }

  void OnHandled(bool reusable) {
    const bool cancelled = cancellation_->cancelled();
    cancellation_.reset();
    if (front_.stopping() || cancelled) return Close();
    reusable ? AwaitRequest(front_.options().idle_timeout) : Linger();
  }

  void Refuse(const HeadFault& fault) {
    Reply(front_.application().Refuse(fault.status, fault.reason), false);
  }

  // Answers from the I/O thread. Where the request's bytes are not all read, or not understood, the
  // connection ends: what follows cannot be told from a request.
  void Reply(const Response& response, bool in_step) {
    phase_ = Phase::kReplying;
    deadline_ = Clock::now() + front_.options().write_timeout;
    const bool reusable = in_step && !response.close && WantsKeepAlive(request_.head);
    reply_ = ReplyText(response, reusable, request_.head.method == "HEAD");
    request_ = {};
    asio::async_write(socket_, asio::buffer(reply_),
                      [self = shared_from_this(), reusable](const error_code& error, size_t) {
                        if (self->phase_ != Phase::kReplying) return;
                        if (error) return self->Close();
                        reusable ? self->AwaitRequest(self->front_.options().idle_timeout)
                                 : self->Linger();
                      });
  }

  static std::string ReplyText(const Response& response, bool reusable, bool head_only) {
    std::string text = ResponseHeadText(response, LengthField(response), reusable);
    if (!head_only) text += response.body;
    return text;
  }

  // As much as the socket takes at once; for peers that are dropped.
  void SendOnce(const Response& response) {
    const std::string text = ReplyText(response, false, false);
    (void)!::send(socket_.native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Closes our side, then reads on for a moment: closing with unread bytes would reset the
  // connection and could take the answer away from the peer.
  void Linger() {
    phase_ = Phase::kLingering;
    deadline_ = Clock::now() + kLingerTimeout;
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    buffer_.clear();
    Discard(front_.options().max_body_bytes);
  }

  void Discard(size_t left) {
    socket_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this(), left](const error_code& error, size_t n) {
                              if (self->phase_ != Phase::kLingering) return;
                              if (error || n >= left) return self->Close();
                              self->Discard(left - n);
                            });
  }

  void Close() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    ReleaseBodyBytes();
    error_code ignored;
    socket_.close(ignored);
    front_.Remove(this);
  }

  Front& front_;
  tcp::socket socket_;
  flat_buffer buffer_;  // bytes read and not parsed yet
  std::optional<Parser> parser_;
  Request request_;
  std::string reply_;
  std::shared_ptr<Cancellation> cancellation_;  // while kHandling
  Phase phase_ = Phase::kIdle;
  Clock::time_point since_;     // when it began to wait for the request that it has not yet
  Clock::time_point deadline_;  // of the phase; none while kHandling
  size_t requests_ = 0;
  size_t counted_body_bytes_ = 0;
  bool watching_ = false;
};

error_code Front::Listen(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

void Front::Accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (stopping_) return;
    OnAccept(error, std::move(socket));
  });
}

void Front::OnAccept(const error_code& error, tcp::socket socket) {
  if (error) {
    EvictOldest(false);
    auto pause = std::make_shared<asio::steady_timer>(io_, kAcceptPause);
    pause->async_wait([this, pause](const error_code&) {
      if (!stopping_) Accept();
    });
    return;
  }
  ++accepted;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  const bool full = connections_.size() >= options_.max_connections;
  if (full && !EvictOldest(false)) {
    ++refused;
    const Response response = application_.Refuse(503, "too many connections");
    const std::string text =
        ResponseHeadText(response, {"Content-Length", std::to_string(response.body.size())}, false);
    socket.write_some(asio::buffer(text + response.body), ignored);
  } else {
    connections_.push_back(std::make_shared<Connection>(std::move(socket), *this));
    open = connections_.size();
    connections_.back()->Start();
  }
  Accept();
}

bool Front::EvictOldest(bool only_bodies) {
  std::shared_ptr<Connection> oldest;
  for (const auto& connection : connections_) {
    if (!connection->incomplete() || (only_bodies && !connection->in_body())) continue;
    if (oldest == nullptr || connection->since() < oldest->since()) oldest = connection;
  }
  if (oldest == nullptr) return false;
  ++evicted;
  oldest->Evict();
  return true;
}

void Front::AddBodyBytes(ptrdiff_t bytes) {
  body_bytes_ += static_cast<size_t>(bytes);
  while (body_bytes_ > options_.max_bodies_bytes && EvictOldest(true)) {
  }
}

void Front::Remove(const Connection* connection) {
  std::erase_if(connections_, [&](const auto& other) { return other.get() == connection; });
  open = connections_.size();
}

void Front::Sweep() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](const error_code& error) {
    if (error || stopping_) return;
    const auto now = Clock::now();
    const auto snapshot = connections_;
    for (const auto& connection : snapshot) connection->CheckDeadline(now);
    Sweep();
  });
}

void Front::CloseAll() {
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  sweep_timer_.cancel();
  const auto snapshot = connections_;
  for (const auto& connection : snapshot) connection->Stop();
}

Result<asio::ip::address> ParseHost(const std::string& host) {
  if (host == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  error_code error;
  asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return InvalidArgument("host '" + host + "' is no numeric address and not localhost");
  return address;
}

}  // namespace

struct Transport::State {
  State(const TransportOptions& options, Application& application) : front(options, application) {}

  Front front;
  uint16_t port = 0;
  std::thread thread;
  std::mutex stop_mutex;
  bool stopped = false;
};

Transport::Transport(std::unique_ptr<State> state) : state_(std::move(state)) {}

Transport::~Transport() { Stop(); }

Result<std::unique_ptr<Transport>> Transport::Start(const TransportOptions& options,
                                                    Application& application) {
  MOIRA_ASSIGN_OR_RETURN(const asio::ip::address address, ParseHost(options.host));
  auto state = std::make_unique<State>(options, application);
  Front& front = state->front;
  if (const error_code error = front.Listen({address, options.port})) {
    return Unavailable("cannot listen on " + options.host + ":" + std::to_string(options.port) +
                       ": " + error.message());
  }
  state->port = front.acceptor().local_endpoint().port();
  front.workers = std::make_unique<WorkerPool>(options.workers);
  front.Accept();
  front.Sweep();
  state->thread = std::thread([&front] { front.io().run(); });
  return std::unique_ptr<Transport>(new Transport(std::move(state)));
}

uint16_t Transport::port() const { return state_->port; }

TransportStats Transport::stats() const {
  const Front& front = state_->front;
  return {front.open, front.accepted, front.evicted, front.timed_out, front.refused};
}

void Transport::Stop() {
  const std::lock_guard lock(state_->stop_mutex);
  if (std::exchange(state_->stopped, true)) return;
  Front& front = state_->front;
  std::promise<void> closed;
  asio::post(front.io(), [&] {
    front.CloseAll();
    closed.set_value();
  });
  closed.get_future().wait();
  front.workers.reset();  // no task can be added any more; those that run see the cancellation
  front.io().stop();
  state_->thread.join();
}

Result<bool> IsLoopbackHost(const std::string& host) {
  MOIRA_ASSIGN_OR_RETURN(const asio::ip::address address, ParseHost(host));
  return address.is_loopback();
}

}  // namespace moira::server
