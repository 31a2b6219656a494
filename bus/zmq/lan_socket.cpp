#include "bus/zmq/lan_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bus/discovery/beacon.h"

namespace zswarm::bus {
namespace {

constexpr const char* kGroup4 = "239.255.122.115";
constexpr const char* kGroup6 = "ff12::7a73";

template <class Value>
bool set_option(const Descriptor& socket, int level, int option, const Value& value) {
  return setsockopt(socket.number(), level, option, &value, sizeof value) == 0;
}

in_addr ipv4_of(const std::string& text) {
  in_addr address{};
  inet_pton(AF_INET, text.c_str(), &address);
  return address;
}

in6_addr ipv6_of(const std::string& text) {
  in6_addr address{};
  inet_pton(AF_INET6, text.c_str(), &address);
  return address;
}

Descriptor open_udp(int family) {
  Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Several nodes on one machine share the port; each gets a copy of what comes to the group.
  if (socket.open() && set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1)) return socket;
  return Descriptor();
}

Descriptor open_ipv4(std::uint16_t port) {
  Descriptor socket = open_udp(AF_INET);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr = ipv4_of(kGroup4);  // what is sent to this machine alone does not come here
  const bool ready = socket.open() && set_option(socket, IPPROTO_IP, IP_MULTICAST_TTL, 1) &&
                     set_option(socket, IPPROTO_IP, IP_MULTICAST_LOOP, 1) &&
                     set_option(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
                     bind(socket.number(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  return ready ? std::move(socket) : Descriptor();
}

Descriptor open_ipv6(std::uint16_t port) {
  Descriptor socket = open_udp(AF_INET6);
  sockaddr_in6 at{};
  at.sin6_family = AF_INET6;
  at.sin6_port = htons(port);
  at.sin6_addr = in6addr_any;  // a link-local group would bind the socket to one interface
  const bool ready = socket.open() && set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
                     set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1) &&
                     set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
                     bind(socket.number(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  return ready ? std::move(socket) : Descriptor();
}

/// One datagram to `to` with one control message that names interface and source.
template <class Address, class Info>
bool send_with(const Descriptor& socket, Address to, int level, int type, const Info& info,
               ByteView datagram) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(Info))> control{};
  iovec data{const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof(Info));
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  return sendmsg(socket.number(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(datagram.size());
}

std::string host_text(const sockaddr_storage& from) {
  char text[INET6_ADDRSTRLEN];
  const void* address = from.ss_family == AF_INET
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(from).sin_addr)
                            : &reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
  return inet_ntop(from.ss_family, address, text, sizeof text) == nullptr ? std::string() : text;
}

}  // namespace

LanSocket::LanSocket(std::uint16_t port, std::string listen_host)
    : port_(port), listen_host_(std::move(listen_host)) {}

const Descriptor& LanSocket::socket_of(int family) const {
  return family == AF_INET ? ipv4_ : ipv6_;
}

std::vector<LanSocket::Way> LanSocket::wanted_ways() const {
  std::vector<Way> ways;
  std::size_t used = 0;
  for (const Interface& interface : interfaces_up()) {
    if (!interface.multicast || used == kLanInterfacesMax) continue;
    const std::size_t before = ways.size();
    const auto add = [&](int family, const std::vector<std::string>& addresses, const char* wildcard) {
      if (addresses.empty()) return;
      if (listen_host_ == "*" || listen_host_ == "::" || listen_host_ == wildcard) {
        ways.push_back({family, interface.index, addresses.front()});
      } else if (std::find(addresses.begin(), addresses.end(), listen_host_) != addresses.end()) {
        ways.push_back({family, interface.index, listen_host_});
      }
    };
    add(AF_INET, interface.ipv4, "0.0.0.0");
    add(AF_INET6, interface.ipv6, "::");
    if (ways.size() > before) used += 1;
  }
  return ways;
}

Status LanSocket::open_sockets() {
  if (!ipv4_.open()) ipv4_ = open_ipv4(port_);
  const int error = errno;
  if (!ipv6_.open()) ipv6_ = open_ipv6(port_);
  if (ipv4_.open() || ipv6_.open()) return {};
  return fail(ErrorCode::kIo,
              fmt::format("nodes on this LAN are not looked for: UDP port {} cannot be used: {}.", port_,
                          std::strerror(error)));
}

bool LanSocket::join(const Way& way) const {
  const Descriptor& socket = socket_of(way.family);
  bool joined = false;
  if (way.family == AF_INET) {
    ip_mreqn group{};
    group.imr_multiaddr = ipv4_of(kGroup4);
    group.imr_ifindex = static_cast<int>(way.interface);
    joined = set_option(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, group);
  } else {
    ipv6_mreq group{};
    group.ipv6mr_multiaddr = ipv6_of(kGroup6);
    group.ipv6mr_interface = way.interface;
    joined = set_option(socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, group);
  }
  return joined || errno == EADDRINUSE;  // already
}

LanSocket::Refreshed LanSocket::refresh() {
  Refreshed result;
  Status opened = open_sockets();
  std::vector<Way> ways;
  if (opened) ways = wanted_ways();
  std::erase_if(ways, [&](const Way& way) { return !socket_of(way.family).open() || !join(way); });
  for (const Way& way : ways) {
    if (std::find(ways_.begin(), ways_.end(), way) == ways_.end()) result.new_interface = true;
  }
  ways_ = std::move(ways);
  if (opened && ways_.empty()) {
    opened =
        fail(ErrorCode::kIo, "nodes on this LAN are not looked for: no network interface takes multicast.");
  }
  if (!opened && !told_) result.status = opened;
  told_ = !opened;
  return result;
}

bool LanSocket::send_over(const Way& way, ByteView datagram) const {
  if (way.family == AF_INET) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr = ipv4_of(kGroup4);
    in_pktinfo info{};
    info.ipi_ifindex = static_cast<int>(way.interface);
    info.ipi_spec_dst = ipv4_of(way.source);
    return send_with(ipv4_, to, IPPROTO_IP, IP_PKTINFO, info, datagram);
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port_);
  to.sin6_addr = ipv6_of(kGroup6);
  to.sin6_scope_id = way.interface;
  in6_pktinfo info{};
  info.ipi6_ifindex = way.interface;
  info.ipi6_addr = ipv6_of(way.source);
  return send_with(ipv6_, to, IPPROTO_IPV6, IPV6_PKTINFO, info, datagram);
}

std::size_t LanSocket::send(ByteView datagram) {
  return static_cast<std::size_t>(
      std::count_if(ways_.begin(), ways_.end(), [&](const Way& way) { return send_over(way, datagram); }));
}

void LanSocket::add_poll_items(std::vector<zmq::pollitem_t>& items) const {
  for (const Descriptor* socket : {&ipv4_, &ipv6_})
    if (socket->open()) items.push_back({nullptr, socket->number(), ZMQ_POLLIN, 0});
}

std::vector<LanSocket::Received> LanSocket::receive(std::size_t most) {
  std::vector<Received> received;
  for (const Descriptor* socket : {&ipv4_, &ipv6_}) {
    while (socket->open() && received.size() < most) {
      Bytes datagram(kBeaconBytes + 1);
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t got = recvfrom(socket->number(), datagram.data(), datagram.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0 && errno == EINTR) continue;
      // An error that waited on the socket has been taken with this call; the next turn reads on.
      if (got < 0) break;
      datagram.resize(static_cast<std::size_t>(got));
      received.push_back({std::move(datagram), host_text(from)});
    }
  }
  return received;
}

}  // namespace zswarm::bus
