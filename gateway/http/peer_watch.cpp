#include "gateway/http/peer_watch.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace zswarm::gateway {

PeerWatch::PeerWatch(boost::asio::ip::tcp::socket& socket, std::chrono::milliseconds poll_interval)
    : socket_(socket), timer_(socket.get_executor()), poll_interval_(poll_interval) {}

void PeerWatch::start(std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  active_ = true;
  await_readable();
}

void PeerWatch::stop() {
  if (!active_) return;
  active_ = false;
  on_gone_ = nullptr;
  timer_.cancel();
  boost::system::error_code ignored;  // a closed socket has nothing to cancel
  socket_.cancel(ignored);
}

PeerWatch::Sight PeerWatch::look() const {
  char byte;
  const ssize_t got = ::recv(const_cast<boost::asio::ip::tcp::socket&>(socket_).native_handle(), &byte, 1,
                             MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Sight::kBytes;
  if (got == 0) return Sight::kGone;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Sight::kNothing : Sight::kGone;
}

bool PeerWatch::hung_up() const {
  pollfd query{.fd = const_cast<boost::asio::ip::tcp::socket&>(socket_).native_handle(),
               .events = POLLRDHUP,
               .revents = 0};
  return ::poll(&query, 1, 0) > 0 && (query.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void PeerWatch::await_readable() {
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!self->active_) return;
                       if (error) return self->report();
                       switch (self->look()) {
                         case Sight::kGone:
                           return self->report();
                         case Sight::kNothing:
                           return self->await_readable();
                         case Sight::kBytes:
                           return self->await_interval();
                       }
                     });
}

void PeerWatch::await_interval() {
  if (hung_up()) return report();
  timer_.expires_after(poll_interval_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
    if (self->active_) self->await_interval();
  });
}

void PeerWatch::report() {
  active_ = false;
  const auto on_gone = std::move(on_gone_);
  on_gone_ = nullptr;
  if (on_gone) on_gone();
}

}  // namespace zswarm::gateway
