// Which addresses others are told: where a node listens is not always where it is reached.
//
// A person names one host for all sockets, or an endpoint for a socket (a mapped port). What nobody names
// follows from where the socket listens: interfaces.h. Any thread.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "bus/keys/card.h"
#include "bus/zmq/interfaces.h"

namespace zswarm::bus {

struct AnnounceAddresses {
  std::string host;  // of all sockets that are not named; empty: as host_to_tell() finds
  std::array<std::optional<Endpoint>, kSocketCount> sockets;  // these win; port 0: the one that was bound

  [[nodiscard]] const std::optional<Endpoint>& socket(Socket s) const {
    return sockets[static_cast<std::size_t>(s)];
  }
  /// Whether a person named an address of this socket.
  [[nodiscard]] bool names(Socket s) const { return socket(s).has_value() || !host.empty(); }
};

/// As host_to_tell() in interfaces.h.
using HostFinder = std::function<std::string(const std::string& listen_host)>;

/// What others are told for a socket that listens on `listen` (HOST:PORT) and has bound `port`.
[[nodiscard]] Endpoint endpoint_to_tell(const AnnounceAddresses& announce, Socket socket,
                                        const std::string& listen, std::uint16_t port,
                                        const HostFinder& find = host_to_tell);

}  // namespace zswarm::bus
