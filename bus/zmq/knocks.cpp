#include "bus/zmq/knocks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "bus/zmq/interfaces.h"

namespace zswarm::bus {
namespace {

struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;  // 0: the text is no address
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

SocketAddress socket_address(const std::string& address) {
  SocketAddress result;
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return result;
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto read = std::from_chars(address.data() + colon + 1, end, port);
  if (read.ec != std::errc() || read.ptr != end) return result;
  const std::string host = host_of(address);
  auto& v4 = reinterpret_cast<sockaddr_in&>(result.bytes);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(result.bytes);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    result.size = sizeof v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    result.size = sizeof v6;
  }
  return result;
}

}  // namespace

void Knocks::note(const NodeId& node, int error) {
  // Other errors are about the way there (no route, no answer to ARP): they say nothing of the process.
  if (error == 0 || error == ECONNREFUSED) answers_.push_back({node, error == 0});
}

void Knocks::knock(Time now, const NodeId& node, const std::string& address) {
  if (under_way_.size() >= kMost) return;
  const SocketAddress to = socket_address(address);
  if (to.size == 0) return;
  Descriptor socket(::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return;  // no descriptors left: as if the answer were lost
  const int error = connect(socket.number(), to.get(), to.size) == 0 ? 0 : errno;
  if (error != EINPROGRESS) return note(node, error);
  under_way_.push_back({node, std::move(socket), now + kPatience});
}

void Knocks::add_poll_items(std::vector<zmq::pollitem_t>& items) const {
  for (const UnderWay& one : under_way_) items.push_back({nullptr, one.socket.number(), ZMQ_POLLOUT, 0});
}

void Knocks::poll_done(const std::vector<zmq::pollitem_t>& items, std::size_t first) {
  std::vector<UnderWay> waiting;
  for (std::size_t i = 0; i < under_way_.size(); ++i) {
    UnderWay& one = under_way_[i];
    // What was begun since the poll is behind ours in the list.
    if (first + i >= items.size() || items[first + i].fd != one.socket.number() ||
        items[first + i].revents == 0) {
      waiting.push_back(std::move(one));
      continue;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(one.socket.number(), SOL_SOCKET, SO_ERROR, &error, &size) == 0) note(one.node, error);
  }
  under_way_ = std::move(waiting);
}

void Knocks::tick(Time now) {
  std::erase_if(under_way_, [&](const UnderWay& one) { return one.until <= now; });
}

}  // namespace zswarm::bus
