// Notices that a client has left while nothing is read from it.
//
// The kernel says so with the end of the stream, which usually shows as readiness to read with nothing there:
// that costs no timer. But a client may have sent its next request already (pipelining), and those bytes stay
// unread until their turn; then readiness tells nothing, and the hang-up itself is asked for (POLLRDHUP) a
// few times a second. A client that closes its sending half counts as gone, as with most servers.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace zswarm::gateway {

class PeerWatch : public std::enable_shared_from_this<PeerWatch> {
 public:
  /// The socket must outlive the watch's stop().
  PeerWatch(boost::asio::ip::tcp::socket& socket, std::chrono::milliseconds poll_interval);

  /// Loop thread. `on_gone` is called from the loop, once, unless stop() comes first.
  void start(std::function<void()> on_gone);

  /// Nothing is called any more. Cancels operations of the socket, so none of others may be under way.
  void stop();

 private:
  enum class Sight { kGone, kNothing, kBytes };
  [[nodiscard]] Sight look() const;
  [[nodiscard]] bool hung_up() const;
  void await_readable();
  void await_interval();
  void report();

  boost::asio::ip::tcp::socket& socket_;
  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds poll_interval_;
  std::function<void()> on_gone_;
  bool active_ = false;
};

}  // namespace zswarm::gateway
