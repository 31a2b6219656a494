// The virtual network between simulated nodes: when does what is sent now arrive?
//
// It stands for TCP connections. Each ordered pair of nodes has up to two, one for each class of sockets, and
// each delivers in order. Lost segments do not vanish, they come late: after a retransmission timeout of 200
// ms and a round trip, doubled with each further loss (RFC 6298 with Linux's minimum); what follows on the
// same connection waits for it. Different connections overtake each other. A first message to somebody waits
// for the handshakes: TCP, CURVE, hello on the join socket, then again for the socket itself.
//
// All arithmetic is on integers: the same times on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bus/base/random.h"
#include "bus/base/time.h"

namespace zswarm::bus {

struct NetworkConfig {
  // One way: latency_min + latency_spread x u^2 for each pair, u uniform: a mean of 30 ms, a few near 80.
  Duration latency_min{5'000};
  Duration latency_spread{75'000};
  Duration jitter{4'000};                         // uniform, per message
  double loss = 0;                                // per segment
  std::uint64_t uplink_bytes_per_s = 12'500'000;  // 100 Mbit/s per node
  std::uint32_t handshake_trips = 12;             // one-way trips before the first message to a stranger
};

class VirtualNetwork {
 public:
  /// Classes of connections: DEALER to ROUTER; PUB to SUB.
  enum class Channel : std::uint8_t { kControl, kGossip };

  VirtualNetwork(const NetworkConfig& config, std::uint32_t nodes, std::uint64_t seed);

  /// When it arrives; `bytes` with all framing.
  [[nodiscard]] Time arrival(Time now, std::uint32_t from, std::uint32_t to, Channel channel,
                             std::size_t bytes);
  /// When the answer of a machine's operating system to a fresh connection's first segment is here; nothing
  /// if one of the two is lost. Nobody waits for the second, which comes a second later.
  [[nodiscard]] std::optional<Time> knock(Time now, std::uint32_t from, std::uint32_t to);
  /// Begins a connection now, if there is none.
  void connect(Time now, std::uint32_t from, std::uint32_t to) {
    static_cast<void>(connection(now, from, to, Channel::kControl));
  }
  /// What the node has sent in the handshakes of its connections, and of others' connections to it.
  [[nodiscard]] std::uint64_t handshake_bytes(std::uint32_t node) const { return handshake_bytes_[node]; }
  void forget(std::uint32_t node) { std::vector<Connection>().swap(connections_[node]); }

  /// Nodes of different sides do not reach each other. 0 for everybody heals it.
  void set_side(std::uint32_t node, std::uint8_t side) { sides_[node] = side; }
  [[nodiscard]] bool reach(std::uint32_t a, std::uint32_t b) const { return sides_[a] == sides_[b]; }

 private:
  struct Connection {
    std::uint32_t to;
    Channel channel;
    Time stands, last_arrival, last_used;
  };

  [[nodiscard]] Connection& connection(Time now, std::uint32_t from, std::uint32_t to, Channel channel);
  /// When a new connection stands, if it is begun now.
  [[nodiscard]] Time connected(Time now, std::uint32_t from, std::uint32_t to);
  [[nodiscard]] Connection* find(std::uint32_t from, std::uint32_t to, Channel channel);
  [[nodiscard]] Duration latency(std::uint32_t a, std::uint32_t b);
  [[nodiscard]] Duration retransmissions(Duration first, Duration round_trip);

  const NetworkConfig config_;
  const std::uint64_t seed_;
  const std::uint64_t loss_threshold_;  // of 2^32
  Random random_;
  std::vector<std::vector<Connection>> connections_;  // by sender
  std::vector<Time> uplink_free_;
  std::vector<std::uint64_t> handshake_bytes_;
  std::vector<std::uint8_t> sides_;
};

/// What ZMTP and CURVE add to a message of one frame: a command of 33 bytes (RFC 26: name 8, nonce 8, box 16,
/// flags 1) in a frame of 2 or 9 (RFC 23).
[[nodiscard]] constexpr std::size_t framed_bytes(std::size_t message_bytes) {
  const std::size_t command = message_bytes + 33;
  return command + (command > 255 ? 9 : 2);
}

}  // namespace zswarm::bus
