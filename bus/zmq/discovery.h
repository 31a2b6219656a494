// How a node finds others: LAN beacons, bootstrap addresses, addresses remembered, names of hosts. The
// policies are in bus/discovery; here they meet sockets and the resolver.
//
// The owner polls it with its own sockets and gets addresses at which to say hello. What a beacon says is
// only that: somebody with the token was, at some time, at that address. Belongs to the thread of the bus;
// the owner reads the clock.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "bus/core/core.h"
#include "bus/discovery/contacts.h"
#include "bus/discovery/lan.h"
#include "bus/zmq/lan_socket.h"
#include "bus/zmq/names.h"

namespace zswarm::bus {

struct DiscoveryOptions {
  NodeId self;
  std::uint64_t instance = 0, seed = 0;
  std::string listen_host;  // of the join socket: an address or a wildcard
  std::uint16_t join_port = 0;
  Endpoint join;               // as others are told
  bool join_is_named = false;  // by a person: then beacons tell it beside the address that they come from
  bool lan = false;
  std::uint16_t lan_port = kLanPort;
  std::vector<Endpoint> bootstrap, remembered;
  std::function<void(const std::string& sentence)> log;
};

class Discovery {
 public:
  /// `beacon_keys`: the present epoch's first, which seals; all of them open.
  Discovery(DiscoveryOptions options, std::vector<Secret<32>> beacon_keys);

  /// A new epoch: beacons are sealed with this key from now on; those of the epoch before are still opened.
  void rekey(Secret<32> beacon_key);

  void add_poll_items(std::vector<zmq::pollitem_t>& items) const;
  /// Reads what has come and does what is due. HOST:PORTs, the host an address, to say hello to now.
  [[nodiscard]] std::vector<std::string> turn(const Now& now, const Core& core);
  [[nodiscard]] Time next_timer(Time now) const;

  /// Who answered at this address was ourselves.
  void is_self(const std::string& address);

  struct Traffic {
    std::uint64_t in_bytes = 0, out_bytes = 0;
    std::uint64_t sealed_otherwise = 0;  // beacons of other networks, or none at all
    std::uint64_t faulty = 0;
  };
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  /// Interfaces and families over which beacons go out; 0 without LAN discovery.
  [[nodiscard]] std::size_t lan_ways() const { return socket_ ? socket_->ways() : 0; }

 private:
  /// Whether the join socket listens at the address that a beacon leaves from.
  [[nodiscard]] bool listens_at_source() const;
  void look_at_interfaces(Time now);
  void read_beacons(const Now& now, const Core& core);
  void call(const Now& now, bool seeking);
  void carry_out(const Now& now);
  void ask(Time now, const Endpoint& address);
  void add(const std::string& host, std::uint16_t port);

  const DiscoveryOptions options_;
  std::vector<Secret<32>> beacon_keys_;
  Contacts contacts_;
  Names names_;
  std::set<Endpoint> waiting_;  // contacts whose name is being looked up
  std::unique_ptr<LanSocket> socket_;
  Lan lan_;
  Time next_look_;
  WallTime last_call_;
  bool other_version_told_ = false;
  std::set<std::string> own_;  // addresses at which we have met ourselves
  std::vector<std::string> found_;
  Traffic traffic_;
};

}  // namespace zswarm::bus
