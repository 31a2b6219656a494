// Where a socket is reached: host and port, as people write them: "192.0.2.7:7000", "[2001:db8::7]:7000",
// "node.example.org:7000".
//
// A parsed endpoint has one text: addresses in their shortest form, names in lower case. An address that
// means something on one machine only (a zone, "fe80::1%eth0") is refused. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bus/base/error.h"

namespace zswarm::bus {

/// Of the whole text, brackets and port included.
inline constexpr std::size_t kMaxEndpointBytes = 255;

struct Endpoint {
  std::string host;  // without brackets
  std::uint16_t port = 0;

  /// "HOST:PORT", an IPv6 address in brackets; what parse_endpoint() reads.
  [[nodiscard]] std::string text() const;
  /// "tcp://HOST:PORT", for ZeroMQ.
  [[nodiscard]] std::string zmq_address() const { return "tcp://" + text(); }

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

enum class PortZero : std::uint8_t { kRefused, kTaken };  // kTaken: to listen on a free port

[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text, PortZero zero = PortZero::kRefused);

}  // namespace zswarm::bus
