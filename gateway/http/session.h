// One connection: reads requests one after the other, has them answered, writes the answers.
//
// HTTP/1.1 with keep-alive and pipelining (answers in order), by Beast's parser; what Beast lets through and
// should not pass is refused here (see check_head() in session.cpp). Every wait has a limit (limits.h). Loop
// thread only. A session lives as long as its coroutine run() and whoever holds the pointer.
#pragma once

#include "gateway/async/asio.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/context.h"
#include "gateway/http/exchange.h"
#include "gateway/http/peer_watch.h"

namespace zswarm::gateway {

using EndpointResult = asio::awaitable<std::optional<Response>>;

class Session final : public Exchange, public std::enable_shared_from_this<Session> {
 public:
  Session(Context& context, asio::ip::tcp::socket socket);
  ~Session() override;

  /// Until the connection is closed. Throws nothing but what memory exhaustion throws.
  asio::awaitable<void> run();

  /// True while it waits for a request to begin: such a connection may be closed for another one's sake.
  [[nodiscard]] bool idle() const { return idle_; }
  [[nodiscard]] std::chrono::steady_clock::time_point idle_since() const { return idle_since_; }
  void close();
  /// No further request after the present one.
  void drain();

  Request& request() override { return request_; }
  void watch_client(std::function<void()> on_gone) override;
  void unwatch_client() override;
  asio::awaitable<bool> begin_events() override;
  asio::awaitable<bool> send_events(std::string events) override;
  asio::awaitable<void> end_events() override;
  void close_after() override { keep_alive_ = false; }

 private:
  struct Incoming;  // Beast's parser and what was learnt from the header

  asio::awaitable<bool> await_request();
  asio::awaitable<bool> read_head(Incoming& incoming);
  asio::awaitable<bool> read_body(Incoming& incoming);
  asio::awaitable<void> refuse_early(Incoming& incoming, ApiError error);
  asio::awaitable<bool> drain_body(Incoming& incoming);
  asio::awaitable<void> answer();
  asio::awaitable<bool> write(std::string data);
  asio::awaitable<void> send(Response response);
  asio::awaitable<void> linger();
  void finish_request();

  Context& context_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<PeerWatch> watch_;

  // Of the request in hand.
  Request request_;
  bool loopback_ = false;
  std::string request_id_;
  std::string_view route_ = "other";
  EndpointResult (*endpoint_)(Context&, Exchange&) = nullptr;
  std::chrono::steady_clock::time_point started_;
  int status_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::size_t held_body_bytes_ = 0;  // counted in context_.body_bytes
  bool http_1_0_ = false, head_only_ = false, keep_alive_ = false;

  bool idle_ = true, closed_ = false;
  std::chrono::steady_clock::time_point idle_since_;
};

}  // namespace zswarm::gateway
