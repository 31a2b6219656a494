// UDP multicast on every interface that is up: what beacons are sent and heard with.
//
//   IPv4  group 239.255.122.115, IPv6 group ff12::7a73 (transient, link-local scope: RFC 4291, section 2.7);
//   hop limit 1, so nothing leaves the link
//
// The group is joined on each interface with an address, loopback included, so that nodes on one machine, in
// containers and in network namespaces hear each other; several processes share the port. Each datagram is
// sent once per interface and family, from an address at which the node's sockets listen: its source is where
// the node is reached. Interfaces come and go; refresh() looks.
//
// An operating system that has no interface, or refuses, is no error of the node: refresh() says so once in a
// sentence, and tries again the next time. Nothing here blocks. Belongs to the thread of the bus.
#pragma once

#include <string>
#include <vector>
#include <zmq.hpp>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/keys/descriptor.h"
#include "bus/zmq/interfaces.h"

namespace zswarm::bus {

inline constexpr std::uint16_t kLanPort = 27315;
/// Of those that are up, the first so many are used: the kernel lets a socket join 20 groups.
inline constexpr std::size_t kLanInterfacesMax = 16;

class LanSocket {
 public:
  /// `listen_host` as of the join socket: a wildcard uses all interfaces; an address only the one that has
  /// it.
  LanSocket(std::uint16_t port, std::string listen_host);

  struct Refreshed {
    bool new_interface = false;
    Status status;  // why nothing can be sent, the first time that this is so
  };
  /// Opens what is not open, joins on interfaces that have come.
  [[nodiscard]] Refreshed refresh();

  /// Over all interfaces; how many took it.
  std::size_t send(ByteView datagram);

  void add_poll_items(std::vector<zmq::pollitem_t>& items) const;
  struct Received {
    Bytes datagram;    // at most one byte more than a beacon has
    std::string host;  // that it comes from
  };
  /// At most `most` of those that wait.
  [[nodiscard]] std::vector<Received> receive(std::size_t most);

  /// Ways out: an address on an interface.
  [[nodiscard]] std::size_t ways() const { return ways_.size(); }

 private:
  struct Way {
    int family;
    unsigned interface;
    std::string source;
    friend bool operator==(const Way&, const Way&) = default;
  };
  [[nodiscard]] std::vector<Way> wanted_ways() const;
  [[nodiscard]] const Descriptor& socket_of(int family) const;
  Status open_sockets();
  [[nodiscard]] bool join(const Way& way) const;
  [[nodiscard]] bool send_over(const Way& way, ByteView datagram) const;

  const std::uint16_t port_;
  const std::string listen_host_;
  Descriptor ipv4_, ipv6_;
  std::vector<Way> ways_;
  bool told_ = false;  // why nothing can be sent
};

}  // namespace zswarm::bus
