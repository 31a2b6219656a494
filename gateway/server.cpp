#include "gateway/server.h"

#include <fmt/format.h>
#include <sodium.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <set>

#include "gateway/generate/generation.h"
#include "gateway/http/session.h"

namespace zswarm::gateway {
namespace {

using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{
    100};  // after the system had no file descriptor for a connection
constexpr std::chrono::milliseconds kLastWords{2'000};  // for answers to be written after the grace period
constexpr std::size_t kReservedDescriptors = 64;        // for models, logs and sockets of others

// Connections are useless beyond the file descriptors that the process may open.
std::size_t connections_possible(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const std::size_t all = limit.rlim_cur;
  return std::min(wanted, all > 2 * kReservedDescriptors ? all - kReservedDescriptors : all / 2);
}

}  // namespace

Status parse_address(const std::string& text, Options& options) {
  const auto wrong = [&] {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not an address to listen at: write ADDRESS:PORT, like 127.0.0.1:8080",
                            printable(text)),
                "http");
  };
  std::string address, port = text;
  if (const auto colon = text.rfind(':'); colon != std::string::npos) {
    address = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (address.empty()) address = "0.0.0.0";
    if (address.front() == '[') {
      if (address.back() != ']' || address.size() < 4) return wrong();
      address = address.substr(1, address.size() - 2);
    } else if (address.find(':') != std::string::npos) {
      return wrong();
    }
    if (address == "localhost") address = "127.0.0.1";
    error_code error;
    asio::ip::make_address(address, error);
    if (error) return wrong();
  }
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return wrong();
  if (!address.empty()) options.address = address;
  options.port = number;
  return {};
}

struct Server::Impl {
  Impl(node::Client& client, Options given)
      : options(std::move(given)),
        loop(std::make_shared<Loop>(io)),
        context{.client = client,
                .limits = options.limits,
                .allow_template_override = options.allow_template_override,
                .keys = options.keys,
                .check_origin = !options.keys && !options.open,
                .loop_io = io,
                .worker_io = worker_io,
                .loop = loop,
                .metrics = {},
                .generations = {}},
        worker_guard(asio::make_work_guard(worker_io)),
        acceptor(io),
        pause(io),
        grace_timer(io) {}

  ~Impl() { loop->close(); }

  asio::awaitable<void> accept_all();
  void admit(tcp::socket socket);
  bool make_room();
  void begin_shutdown(std::chrono::milliseconds grace);
  void end_grace();
  void stop_if_done();

  Options options;
  std::shared_ptr<Loop> loop;
  Context context;
  // Destroying the loop destroys the coroutines that still wait in it, and those use the context: so it comes
  // after the context here, which until then only holds its address.
  asio::io_context io{1};
  asio::io_context worker_io;
  asio::executor_work_guard<asio::io_context::executor_type> worker_guard;
  tcp::acceptor acceptor;
  asio::steady_timer pause, grace_timer;
  std::set<std::shared_ptr<Session>> sessions;
};

asio::awaitable<void> Server::Impl::accept_all() {
  while (acceptor.is_open()) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      admit(std::move(socket));
    } else if (acceptor.is_open()) {
      // No file descriptor or memory left, most likely: the connection waits in the kernel's queue until
      // there is.
      make_room();
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

// Closes the connection that has been silent the longest.
bool Server::Impl::make_room() {
  std::shared_ptr<Session> oldest;
  for (const auto& session : sessions) {
    if (session->idle() && (!oldest || session->idle_since() < oldest->idle_since())) oldest = session;
  }
  if (!oldest) return false;
  oldest->close();
  return true;
}

void Server::Impl::admit(tcp::socket socket) {
  if (sessions.size() >= connections_possible(options.limits.connections) && !make_room()) {
    ++context.metrics.connections_refused;
    ApiError error{.status = 503,
                   .message = "Too many connections; try again later.",
                   .type = "server_error",
                   .code = "overloaded",
                   .retry_after_s = 1};
    const Response response = error_response(error);
    const std::string text =
        response_head(response, Framing::kLength, response.body.size(), false, "") + response.body;
    error_code ignored;  // a courtesy: what the kernel does not take at once is lost
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(text), ignored);
    return;
  }
  error_code ignored;  // an option that the system does not know costs speed, not correctness
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  auto session = std::make_shared<Session>(context, std::move(socket));
  sessions.insert(session);
  // A function object with its state in a variable of its own: gcc 12 destroys temporaries of co_spawn's
  // arguments twice.
  auto done = [this, session](const std::exception_ptr& exception) {
    if (exception) {
      try {
        std::rethrow_exception(exception);
      } catch (const std::exception& e) {
        spdlog::error("gateway: a connection ended with: {}", printable(e.what(), 500));
      }
    }
    session->close();
    sessions.erase(session);
    stop_if_done();
  };
  asio::co_spawn(io, session->run(), std::move(done));
}

void Server::Impl::begin_shutdown(std::chrono::milliseconds grace) {
  context.draining = true;
  error_code ignored;  // closing a closed acceptor is no error
  acceptor.close(ignored);
  pause.cancel();
  const auto copy = sessions;  // closing one may end it
  for (const auto& session : copy) session->drain();
  grace_timer.expires_after(grace);
  grace_timer.async_wait([this](const error_code& error) {
    if (!error) end_grace();
  });
  stop_if_done();
}

void Server::Impl::end_grace() {
  context.stopping = true;
  for (Generation* generation : context.generations) generation->halt(Generation::Halt::kStopping);
  grace_timer.expires_after(kLastWords);
  grace_timer.async_wait([this](const error_code& error) {
    if (!error) io.stop();
  });
}

void Server::Impl::stop_if_done() {
  if (!context.draining || !sessions.empty()) return;
  grace_timer.cancel();
  io.stop();
}

Server::Server(node::Client& client, Options options) {
  ZS_ASSERT(sodium_init() >= 0);
  impl_ = std::make_unique<Impl>(client, std::move(options));
}

Server::~Server() = default;

Status Server::listen() {
  const Options& options = impl_->options;
  const auto named = [&](const std::string& problem) {
    return fmt::format("cannot listen at {}:{}: {}", printable(options.address), options.port, problem);
  };
  error_code error;
  const auto address =
      asio::ip::make_address(options.address == "localhost" ? "127.0.0.1" : options.address, error);
  if (error) return fail(ErrorCode::kInvalidArgument, named("that is not an IP address"), "http");
  if (!address.is_loopback() && !options.keys && !options.open) {
    return fail(
        ErrorCode::kInvalidArgument,
        named("everybody who reaches it could use it; give API keys with --api-keys FILE, or say --open"),
        "http");
  }
  const tcp::endpoint endpoint(address, options.port);
  impl_->acceptor.open(endpoint.protocol(), error);
  if (!error) impl_->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) impl_->acceptor.bind(endpoint, error);
  if (!error) impl_->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(ErrorCode::kIo, named(error.message()), "http");
  return {};
}

std::string Server::address() const {
  const auto endpoint = impl_->acceptor.local_endpoint();
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

void Server::run() {
  asio::co_spawn(impl_->io, impl_->accept_all(), [](const std::exception_ptr& exception) {
    if (exception) std::rethrow_exception(exception);
  });
  impl_->io.run();
  impl_->worker_guard.reset();
  impl_->worker_io.stop();
}

void Server::run_worker() {
  impl_->worker_io.run();
}

void Server::shutdown(std::chrono::milliseconds grace) {
  impl_->loop->post([this, grace] { impl_->begin_shutdown(grace); });
}

}  // namespace zswarm::gateway
