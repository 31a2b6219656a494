#include "gateway/http/session.h"

#include <fmt/format.h>
#include <sodium.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <limits>

#include "gateway/http/target.h"
#include "gateway/routes.h"

namespace zswarm::gateway {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 16u << 10;

auto into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

std::string text_of(beast::string_view view) {
  return {view.data(), view.size()};
}

ApiError http_error(int status, std::string message, std::string code) {
  return {.status = status, .message = std::move(message), .code = std::move(code)};
}

// Why the parser stopped, for the client; nothing if the connection itself is at its end.
std::optional<ApiError> parse_error(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return http_error(431, "The request's header is too large.", "header_too_large");
  }
  if (error == http::error::bad_version)
    return http_error(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.", "http_version");
  const bool broken = error.category() == http::make_error_code(http::error::bad_target).category() &&
                      error != http::error::end_of_stream && error != http::error::partial_message;
  if (broken)
    return http_error(400, fmt::format("This is not valid HTTP: {}.", error.message()), "invalid_http");
  return std::nullopt;
}

bool is_loopback(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  return address.is_loopback();
}

std::string new_request_id() {
  unsigned char bytes[12];
  char hex[2 * sizeof(bytes) + 1];
  randombytes_buf(bytes, sizeof(bytes));
  sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
  return std::string("req_") + hex;
}

}  // namespace

struct Session::Incoming {
  http::request_parser<http::buffer_body> parser;
  std::optional<ApiError> refusal;  // known before the body is read
  std::size_t content_length = 0;
  bool expects_continue = false;
  bool bad_framing = false;  // where the next request would begin is unsure
};

Session::Session(Context& context, asio::ip::tcp::socket socket)
    : context_(context),
      stream_(std::move(socket)),
      buffer_(context.limits.header_bytes + kReadBytes),
      idle_since_(std::chrono::steady_clock::now()) {
  error_code gone;  // a connection that has ended already is nobody's
  const auto peer = stream_.socket().remote_endpoint(gone);
  loopback_ = !gone && is_loopback(peer.address());
  ++context_.metrics.connections;
  ++context_.metrics.connections_total;
}

Session::~Session() {
  --context_.metrics.connections;
  context_.body_bytes -= held_body_bytes_;
}

void Session::close() {
  closed_ = true;
  stream_.close();
}

void Session::drain() {
  keep_alive_ = false;
  if (idle_) close();
}

asio::awaitable<void> Session::run() {
  const auto self = shared_from_this();
  while (!closed_) {
    if (!co_await await_request()) break;
    Incoming incoming;
    if (!co_await read_head(incoming)) break;
    if (incoming.refusal) {
      ApiError refusal = std::move(*incoming.refusal);
      co_await refuse_early(incoming, std::move(refusal));
    } else if (co_await read_body(incoming)) {
      co_await answer();
    }
    finish_request();
    if (!keep_alive_) break;
  }
  if (!closed_) {
    error_code ignored;  // the other side may have closed first
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    stream_.close();
  }
}

// Waits for the first byte of a request. A connection may be idle for long, a request must not dawdle.
asio::awaitable<bool> Session::await_request() {
  if (buffer_.size() > 0) co_return true;  // sent ahead
  if (context_.draining) co_return false;
  idle_ = true;
  idle_since_ = std::chrono::steady_clock::now();
  stream_.expires_after(context_.limits.idle);
  error_code error;
  const std::size_t got = co_await stream_.async_read_some(buffer_.prepare(4096), into(error));
  idle_ = false;
  if (error) co_return false;
  buffer_.commit(got);
  co_return true;
}

// Everything about a request that is decided by its header alone. What is checked beyond Beast's parser are
// the shapes that make two servers disagree on where a request ends (RFC 9112, sections 3.2, 6.1 and 11.2).
static std::optional<ApiError> check_head(const http::request_header<>& head, const Limits& limits,
                                          std::size_t& length, bool& expects_continue, bool& bad_framing) {
  std::size_t fields = 0, hosts = 0, encodings = 0;
  for (const auto& field : head) {
    ++fields;
    hosts += field.name() == http::field::host;
    encodings += field.name() == http::field::transfer_encoding;
  }
  if (fields > limits.header_fields) {
    bad_framing = true;
    return http_error(431, fmt::format("The request has more than {} header fields.", limits.header_fields),
                      "header_too_large");
  }
  if (encodings > 0) {
    const auto coding = head[http::field::transfer_encoding];
    if (encodings > 1 || !beast::iequals(coding, "chunked") || head.version() < 11) {
      bad_framing = true;
      return http_error(501, "The only Transfer-Encoding taken is 'chunked', with HTTP/1.1.",
                        "transfer_encoding");
    }
    if (head.count(http::field::content_length) > 0) {
      bad_framing = true;
      return http_error(400, "Content-Length and Transfer-Encoding exclude each other.", "invalid_http");
    }
  }
  if (hosts > 1 || (hosts == 0 && head.version() >= 11)) {
    bad_framing = true;
    return http_error(400, "The request needs exactly one Host header.", "invalid_http");
  }
  if (length > limits.body_bytes) {
    return http_error(413,
                      fmt::format("The body has {} bytes; at most {} are taken.", length, limits.body_bytes),
                      "body_too_large");
  }
  if (const auto expect = head[http::field::expect]; !expect.empty()) {
    if (!beast::iequals(expect, "100-continue"))
      return http_error(417, "The only expectation met is '100-continue'.", "expectation");
    expects_continue = head.version() >= 11;
  }
  if (const auto coding = head[http::field::content_encoding];
      !coding.empty() && !beast::iequals(coding, "identity")) {
    ApiError error =
        http_error(415, "Content-Encoding is not supported: send the body as it is.", "content_encoding");
    return error;
  }
  return std::nullopt;
}

// False: the connection has ended (an answer that explains it was sent where one is possible).
asio::awaitable<bool> Session::read_head(Incoming& incoming) {
  started_ = std::chrono::steady_clock::now();
  request_ = {};
  request_.id = request_id_ = new_request_id();
  route_ = "other";
  endpoint_ = nullptr;
  status_ = 0;
  sent_bytes_ = 0;
  head_only_ = http_1_0_ = keep_alive_ = false;
  auto& parser = incoming.parser;
  parser.header_limit(static_cast<std::uint32_t>(context_.limits.header_bytes));
  // Judged by us, with an answer of our own. (No limit at all would count as zero in Boost 1.74.)
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  stream_.expires_after(context_.limits.header);
  error_code error;
  co_await http::async_read_header(stream_, buffer_, parser, into(error));
  if (error) {
    if (auto explained = parse_error(error)) {
      request_.method = "?";
      co_await send(error_response(*explained));
      finish_request();
      co_await linger();
    }
    co_return false;
  }
  const auto& head = parser.get();
  request_.method = text_of(head.method_string());
  request_.authorization = text_of(head[http::field::authorization]);
  request_.origin = text_of(head[http::field::origin]);
  request_.from_here =
      loopback_ && head.find("Forwarded") == head.end() && head.find("X-Forwarded-For") == head.end();
  http_1_0_ = head.version() < 11;
  head_only_ = head.method() == http::verb::head;
  keep_alive_ = parser.keep_alive() && !context_.draining;
  if (const auto length = parser.content_length()) {
    incoming.content_length = static_cast<std::size_t>(std::min<std::uint64_t>(*length, SIZE_MAX));
  }
  auto target = parse_target({head.target().data(), head.target().size()});
  if (target) {
    request_.path = std::move(target->path);
    request_.query = std::move(target->query);
  }
  incoming.refusal = check_head(head, context_.limits, incoming.content_length, incoming.expects_continue,
                                incoming.bad_framing);
  if (incoming.refusal && incoming.refusal->status != 413) co_return true;
  if (!target) {
    incoming.refusal = http_error(400, "The request's target is not a path.", "invalid_http");
    co_return true;
  }
  RouteMatch match = find_route(request_.method, request_.path);
  if (!match.route) {
    incoming.refusal = std::move(match.error);
    co_return true;
  }
  route_ = match.route->pattern;
  endpoint_ = match.route->endpoint;
  request_.path_rest = std::move(match.rest);
  const bool admins_only = match.route->access == Access::kAdmin;
  if (admins_only && !request_.from_here &&
      !(context_.keys && context_.keys->allows_admin(request_.authorization))) {
    incoming.refusal =
        http_error(403,
                   "Only programs on this machine and holders of an admin key may see that: a line "
                   "\"admin KEY\" in the file of --api-keys makes one.",
                   "admin_only");
  } else if (match.route->needs_key() && context_.keys && !context_.keys->allows(request_.authorization)) {
    incoming.refusal =
        http_error(401,
                   request_.authorization.empty() ? "No API key: send it as 'Authorization: Bearer KEY'."
                                                  : "Incorrect API key.",
                   "invalid_api_key");
  } else if (match.route->needs_key() && context_.check_origin && !request_.origin.empty() &&
             request_.origin != "null" && !is_loopback_host(origin_host(request_.origin))) {
    incoming.refusal =
        http_error(403,
                   "This server is open to programs on its own machine, not to pages of other sites; "
                   "start it with API keys or --open to allow that.",
                   "origin_not_allowed");
  }
  co_return true;
}

// Sends a refusal while the body is still unread. A small body is read so that the connection can go on; else
// it ends.
asio::awaitable<void> Session::refuse_early(Incoming& incoming, ApiError error) {
  const bool small = !incoming.bad_framing && !incoming.parser.chunked() && !incoming.expects_continue &&
                     incoming.content_length <= context_.limits.drained_body_bytes;
  if (small && keep_alive_ && !incoming.parser.is_done()) {
    if (!co_await drain_body(incoming)) {
      keep_alive_ = false;
      co_return;
    }
  }
  if (!incoming.parser.is_done()) keep_alive_ = false;
  const bool whole = incoming.parser.is_done();
  co_await send(error_response(error));
  if (!whole || incoming.bad_framing) {
    keep_alive_ = false;
    co_await linger();
  }
}

asio::awaitable<bool> Session::drain_body(Incoming& incoming) {
  stream_.expires_after(context_.limits.body);
  char piece[4096];
  while (!incoming.parser.is_done()) {
    incoming.parser.get().body().data = piece;
    incoming.parser.get().body().size = sizeof(piece);
    error_code error;
    co_await http::async_read(stream_, buffer_, incoming.parser, into(error));
    if (error && error != http::error::need_buffer) co_return false;
  }
  co_return true;
}

// False: no whole body came; the client was told if there was something to tell.
asio::awaitable<bool> Session::read_body(Incoming& incoming) {
  auto& parser = incoming.parser;
  const auto& limits = context_.limits;
  if (incoming.expects_continue && !parser.is_done()) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await write(std::move(go_on))) co_return false;
  }
  stream_.expires_after(limits.body);
  std::optional<ApiError> problem;
  const auto piece = std::make_unique<char[]>(kReadBytes);
  while (!parser.is_done() && !problem) {
    parser.get().body().data = piece.get();
    parser.get().body().size = kReadBytes;
    error_code error;
    co_await http::async_read(stream_, buffer_, parser, into(error));
    const std::size_t got = kReadBytes - parser.get().body().size;
    held_body_bytes_ += got;
    context_.body_bytes += got;
    request_.body.append(piece.get(), got);
    if (request_.body.size() > limits.body_bytes) {
      problem = http_error(413, fmt::format("The body has more than {} bytes.", limits.body_bytes),
                           "body_too_large");
    } else if (context_.body_bytes > limits.bodies_total_bytes) {
      problem = http_error(503, "Too many large requests at once; try again later.", "overloaded");
      problem->type = "server_error";
      problem->retry_after_s = 1;
    } else if (error == beast::error::timeout) {
      keep_alive_ = false;
      co_return false;  // the stream is closed already
    } else if (error && error != http::error::need_buffer) {
      problem = parse_error(error);
      keep_alive_ = false;
      if (!problem) co_return false;
    }
  }
  if (!problem) co_return true;
  keep_alive_ = false;
  co_await send(error_response(*problem));
  co_await linger();
  co_return false;
}

asio::awaitable<void> Session::answer() {
  stream_.expires_never();
  std::optional<Response> response;
  std::string failure;
  try {
    response = co_await endpoint_(context_, *this);
  } catch (const std::exception& exception) {
    failure = exception.what();  // a bug of ours, or no memory
  }
  unwatch_client();
  if (!failure.empty()) {
    spdlog::error("gateway: {} failed: {}", route_, printable(failure, 500));
    keep_alive_ = false;
    if (status_ != 0) co_return;  // a stream that had begun just ends
    ApiError error{.status = 500,
                   .message = "The server failed to answer this request; its log says more.",
                   .type = "server_error",
                   .code = "internal"};
    response = error_response(error);
  }
  if (response) co_await send(std::move(*response));
}

asio::awaitable<void> Session::send(Response response) {
  status_ = response.status;
  std::string data =
      response_head(response, Framing::kLength, response.body.size(), keep_alive_, request_id_);
  if (!head_only_) data += response.body;
  if (!co_await write(std::move(data))) keep_alive_ = false;
}

// Gives the kernel piece after piece; the client's side must take each in time.
asio::awaitable<bool> Session::write(std::string data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const std::size_t size = std::min(data.size() - done, context_.limits.write_piece_bytes);
    stream_.expires_after(context_.limits.write_stall);
    error_code error;
    const std::size_t wrote =
        co_await asio::async_write(stream_, asio::buffer(data.data() + done, size), into(error));
    done += wrote;
    sent_bytes_ += wrote;
    if (error) {
      keep_alive_ = false;
      closed_ = true;
      stream_.close();
      co_return false;
    }
  }
  stream_.expires_never();
  co_return true;
}

asio::awaitable<bool> Session::begin_events() {
  Response response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("X-Accel-Buffering", "no");  // for nginx in front
  status_ = response.status;
  std::string head = response_head(response, http_1_0_ ? Framing::kUntilClose : Framing::kChunked, 0,
                                   keep_alive_, request_id_);
  if (http_1_0_) keep_alive_ = false;
  co_return co_await write(std::move(head));
}

asio::awaitable<bool> Session::send_events(std::string events) {
  std::string data = http_1_0_ ? std::move(events) : chunk(events);
  co_return co_await write(std::move(data));
}

asio::awaitable<void> Session::end_events() {
  if (http_1_0_) co_return;
  std::string last = "0\r\n\r\n";
  co_await write(std::move(last));
}

void Session::watch_client(std::function<void()> on_gone) {
  unwatch_client();
  watch_ = std::make_shared<PeerWatch>(stream_.socket(), context_.limits.hangup_poll);
  watch_->start(std::move(on_gone));
}

void Session::unwatch_client() {
  if (watch_) watch_->stop();
  watch_.reset();
}

// Closing with unread bytes makes the kernel send a reset, which can overtake the answer: read on for a
// moment.
asio::awaitable<void> Session::linger() {
  if (closed_) co_return;
  error_code error;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, error);
  stream_.expires_after(context_.limits.linger);
  const auto piece = std::make_unique<char[]>(kReadBytes);
  std::size_t total = 0;
  while (!error && total < context_.limits.linger_bytes) {
    total += co_await stream_.async_read_some(asio::buffer(piece.get(), kReadBytes), into(error));
  }
}

void Session::finish_request() {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  // 499 as nginx writes it: the client left before it was answered.
  const int status = status_ != 0 ? status_ : 499;
  context_.metrics.count(route_, request_.method, status, seconds, sent_bytes_);
  spdlog::info("gateway: {} {} {} {} B {:.1f} ms {}", printable(request_.method, 16),
               printable(request_.path, 200), status, sent_bytes_, seconds * 1000, request_id_);
  context_.body_bytes -= held_body_bytes_;
  held_body_bytes_ = 0;
  request_ = {};
}

}  // namespace zswarm::gateway
