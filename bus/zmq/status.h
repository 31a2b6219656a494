// What a node can tell of itself and of the network, as plain values: for `zswarm status` and metrics.
//
// Taken by Bus::status() on the thread of the bus; the copy then belongs to whoever asked, on any thread. It
// is as large as the table of members: ask for it now and then, not in a loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bus/core/core.h"

namespace zswarm::bus {

struct MemberStatus {
  NodeId id;
  MemberState state = MemberState::kAlive;
  Card card;  // name, version, roles, labels, endpoints of its sockets and CURVE key, as it says of itself
  bool neighbour = false;
  bool eager = false;           // a neighbour whose whole news we take
  std::optional<Duration> rtt;  // of a neighbour, smoothed, once it has been measured
};

struct TrafficStatus {
  std::uint64_t in_bytes = 0, out_bytes = 0;  // messages of all sockets, beacons included; without the
                                              // transport's own bytes
  std::uint64_t faulty = 0;                   // messages and beacons that could not be read
  std::uint64_t hellos_refused = 0;           // over the rate
  std::uint64_t strangers_refused = 0;        // connections that the ZAP handler turned away
};

struct BusStatus {
  NodeId id;
  Card card;  // our own; its endpoints are what others are told
  std::string network;
  std::uint32_t epoch = 0;
  std::uint64_t incarnation = 0;      // grows with each refutation, beyond the card's
  std::vector<MemberStatus> members;  // without ourselves; by id
  std::vector<NodeId> active, passive;
  std::vector<NodeId> duplicates;  // of which two processes were seen
  std::size_t ledger_entries = 0, ledger_bytes = 0;
  TrafficStatus traffic;  // since the start
  Duration uptime{0};
};

/// What the core knows; traffic, network and uptime are filled in by Bus::status().
[[nodiscard]] BusStatus status_of(const Core& core);

}  // namespace zswarm::bus
