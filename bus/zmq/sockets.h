// Sockets of libzmq with CURVE and every limit set; nothing here opens one without.
//
// A server socket runs under a CURVE secret key and a ZAP domain: libzmq asks the ZAP handler (zap.h) about
// each client's key before the connection may carry a message. A client socket has a key pair of its own and
// knows the server's public key beforehand. Sockets belong to the thread of the bus.
#pragma once

#include <string>
#include <zmq.hpp>

#include "bus/base/bytes.h"
#include "bus/base/error.h"
#include "bus/keys/card.h"
#include "bus/keys/curve.h"
#include "bus/zmq/limits.h"

namespace zswarm::bus {

/// A bound socket: ROUTER, or for gossip XPUB. Its ZAP domain is the kind's name. `address` is HOST:PORT,
/// port 0 takes a free one.
[[nodiscard]] Result<zmq::socket_t> open_server(zmq::context_t& context, Socket kind,
                                                const Secret<32>& secret_key, const std::string& address,
                                                const SocketLimits& limits);

/// A connected socket: DEALER, or for gossip SUB (without subscriptions). Connecting goes on in the
/// background and never fails here but for an address that libzmq cannot read.
[[nodiscard]] Result<zmq::socket_t> open_client(zmq::context_t& context, Socket kind, const CurveKeyPair& own,
                                                const CurvePublicKey& server_key, const std::string& address,
                                                const SocketLimits& limits);

/// The port that a bound socket has taken.
[[nodiscard]] std::uint16_t bound_port(const zmq::socket_t& socket);

}  // namespace zswarm::bus
