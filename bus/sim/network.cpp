#include "bus/sim/network.h"

#include <algorithm>

#include "bus/sim/cards.h"

namespace zswarm::bus {
namespace {

constexpr Duration kRetransmitMin{200'000};
constexpr Duration kSynRetransmit{1'000'000};
constexpr int kLossesMax = 8;  // then the connection would be given up
constexpr std::size_t kSegmentBytes = 1400;
constexpr Duration kIdleClose{60'000'000};  // the driver closes connections that nobody uses
// Of ZMTP and CURVE (RFC 23, RFC 26), each side: greeting 64; HELLO 202 and INITIATE 285; WELCOME 170 and
// READY 67.
constexpr std::uint64_t kConnectBytes = 551, kAcceptBytes = 301;
// A hello shows a card; a welcome one's own and those of three neighbours.
constexpr std::uint64_t kHelloBytes = 330, kWelcomeBytes = 1170;

}  // namespace

VirtualNetwork::VirtualNetwork(const NetworkConfig& config, std::uint32_t nodes, std::uint64_t seed)
    : config_(config),
      seed_(seed),
      loss_threshold_(static_cast<std::uint64_t>(config.loss * 0x1.0p32)),
      random_(mixed(seed ^ 0x6e6574)),
      connections_(nodes),
      uplink_free_(nodes),
      handshake_bytes_(nodes),
      sides_(nodes) {}

Duration VirtualNetwork::latency(std::uint32_t a, std::uint32_t b) {
  const std::uint64_t pair = std::uint64_t{std::min(a, b)} << 32 | std::max(a, b);
  const std::uint64_t u = mixed(seed_ ^ mixed(pair)) >> 44;  // 20 bits
  const auto spread = static_cast<std::uint64_t>(config_.latency_spread.count());
  const std::uint64_t base = (spread * ((u * u) >> 20)) >> 20;
  const auto jitter = random_.below(static_cast<std::size_t>(config_.jitter.count()) + 1);
  return config_.latency_min + Duration(base) + Duration(jitter);
}

Duration VirtualNetwork::retransmissions(Duration first, Duration round_trip) {
  Duration late{0}, timeout = first + round_trip;
  for (int losses = 0; losses < kLossesMax && (random_.next() >> 32) < loss_threshold_; ++losses) {
    late += timeout;
    timeout *= 2;
  }
  return late;
}

VirtualNetwork::Connection* VirtualNetwork::find(std::uint32_t from, std::uint32_t to, Channel channel) {
  for (Connection& c : connections_[from]) {
    if (c.to == to && c.channel == channel) return &c;
  }
  return nullptr;
}

VirtualNetwork::Connection& VirtualNetwork::connection(Time now, std::uint32_t from, std::uint32_t to,
                                                       Channel channel) {
  if (Connection* known = find(from, to, channel); known != nullptr) return *known;
  std::vector<Connection>& all = connections_[from];
  if (all.size() >= 24) {
    std::erase_if(all, [&](const Connection& c) { return c.last_used + kIdleClose < now; });
  }
  Time stands = now;
  if (channel == Channel::kControl) {
    const Connection* back = find(to, from, channel);
    // Each greets the other at its join socket, then connects.
    handshake_bytes_[from] += 2 * kConnectBytes + kHelloBytes;
    handshake_bytes_[to] += 2 * kAcceptBytes + kWelcomeBytes;
    stands = back != nullptr && back->stands <= now ? now : connected(now, from, to);
  } else {  // opened by who has subscribed
    handshake_bytes_[from] += kAcceptBytes;
    handshake_bytes_[to] += kConnectBytes;
  }
  all.push_back({to, channel, stands, stands, now});
  return all.back();
}

Time VirtualNetwork::connected(Time now, std::uint32_t from, std::uint32_t to) {
  const Duration trip = latency(from, to);
  Duration time = retransmissions(kSynRetransmit, Duration(0));
  for (std::uint32_t i = 0; i < config_.handshake_trips; ++i)
    time += trip + retransmissions(kRetransmitMin, 2 * trip);
  return now + time;
}

std::optional<Time> VirtualNetwork::knock(Time now, std::uint32_t from, std::uint32_t to) {
  const Duration there = latency(from, to), back = latency(from, to);
  const bool lost_there = (random_.next() >> 32) < loss_threshold_;
  const bool lost_back = (random_.next() >> 32) < loss_threshold_;
  if (lost_there || lost_back) return std::nullopt;
  return now + there + back;
}

Time VirtualNetwork::arrival(Time now, std::uint32_t from, std::uint32_t to, Channel channel,
                             std::size_t bytes) {
  Connection& c = connection(now, from, to, channel);
  c.last_used = now;
  Time& uplink = uplink_free_[from];
  uplink = std::max(uplink, now) + Duration(bytes * 1'000'000 / config_.uplink_bytes_per_s);
  const Duration trip = latency(from, to);
  Duration late{0};
  for (std::size_t sent = 0; sent < bytes; sent += kSegmentBytes)
    late = std::max(late, retransmissions(kRetransmitMin, 2 * trip));
  // Nothing is sent before the connection stands, and nothing arrives before what was sent earlier.
  const Time arrival = std::max(uplink + trip + late, c.last_arrival + Duration(1));
  c.last_arrival = arrival;
  return arrival;
}

}  // namespace zswarm::bus
