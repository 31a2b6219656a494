#include "bus/zmq/sockets.h"

#include <fmt/format.h>

#include <charconv>

namespace zswarm::bus {
namespace {

template <class Option>
void set_key(zmq::socket_t& socket, Option option, ByteView key) {
  socket.set(option, zmq::buffer(key.data(), key.size()));
}

int milliseconds(SocketLimits::Milliseconds time) {
  return static_cast<int>(time.count());
}

std::int64_t message_bytes(Socket kind, const SocketLimits& limits) {
  if (kind == Socket::kJoin) return limits.join_message_bytes;
  return kind == Socket::kGossip ? limits.gossip_message_bytes : limits.member_message_bytes;
}

void set_limits(zmq::socket_t& socket, Socket kind, const SocketLimits& limits) {
  namespace opt = zmq::sockopt;
  socket.set(opt::linger, milliseconds(limits.linger));
  socket.set(opt::ipv6, true);
  socket.set(opt::maxmsgsize, message_bytes(kind, limits));
  socket.set(opt::sndhwm, limits.queue_messages);
  // No bound: where the queue towards us is full and its connection ends, libzmq 4.3.4 ends the process with
  // an assertion as soon as it has to write a heartbeat or the answer to one (stream_engine_base.cpp,
  // out_event), so anybody whom we let in, or connect to, could end us. Bytes are counted instead: door.h,
  // intake.h.
  socket.set(opt::rcvhwm, limits.unread_messages);
  socket.set(opt::backlog, limits.backlog);
  socket.set(opt::handshake_ivl, milliseconds(limits.handshake));
  socket.set(opt::tcp_keepalive, 1);
  socket.set(opt::tcp_keepalive_idle, static_cast<int>(limits.probe_idle.count()));
  socket.set(opt::tcp_keepalive_intvl, static_cast<int>(limits.probe_again.count()));
  socket.set(opt::tcp_keepalive_cnt, limits.probes);
  socket.set(opt::tcp_maxrt, milliseconds(limits.unacknowledged));
  socket.set(opt::reconnect_ivl, milliseconds(limits.reconnect));
  socket.set(opt::reconnect_ivl_max, milliseconds(limits.reconnect_max));
}

}  // namespace

Result<zmq::socket_t> open_server(zmq::context_t& context, Socket kind, const Secret<32>& secret_key,
                                  const std::string& address, const SocketLimits& limits) {
  namespace opt = zmq::sockopt;
  try {
    zmq::socket_t socket(context,
                         kind == Socket::kGossip ? zmq::socket_type::xpub : zmq::socket_type::router);
    set_limits(socket, kind, limits);
    if (kind != Socket::kJoin) {  // door.cpp says why
      socket.set(opt::heartbeat_ivl, milliseconds(limits.heartbeat));
      socket.set(opt::heartbeat_timeout, milliseconds(limits.heartbeat_timeout));
    }
    socket.set(opt::curve_server, true);
    set_key(socket, opt::curve_secretkey, secret_key.view());
    socket.set(opt::zap_domain, std::string(socket_name(kind)));
    // A node that comes back under the same routing id takes its place at once, instead of being turned away
    // until the old connection is noticed dead.
    if (kind != Socket::kGossip) {
      socket.set(opt::router_handover, true);
      // A full queue is told, instead of the message vanishing.
      socket.set(opt::router_mandatory, true);
    } else {
      socket.set(opt::maxmsgsize, limits.subscription_bytes);
      socket.set(opt::xpub_manual, true);  // the owner decides which subscriptions count
    }
    socket.bind("tcp://" + address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::kIo,
                fmt::format("cannot listen on {} ({} socket): {}", address, socket_name(kind), error.what()));
  }
}

Result<zmq::socket_t> open_client(zmq::context_t& context, Socket kind, const CurveKeyPair& own,
                                  const CurvePublicKey& server_key, const std::string& address,
                                  const SocketLimits& limits) {
  namespace opt = zmq::sockopt;
  try {
    zmq::socket_t socket(context, kind == Socket::kGossip ? zmq::socket_type::sub : zmq::socket_type::dealer);
    set_limits(socket, kind, limits);
    set_key(socket, opt::curve_serverkey, server_key);
    set_key(socket, opt::curve_publickey, own.public_key);
    set_key(socket, opt::curve_secretkey, own.secret_key.view());
    socket.connect("tcp://" + address);
    return socket;
  } catch (const zmq::error_t& error) {
    return fail(ErrorCode::kUnreachable, fmt::format("cannot connect to {} ({} socket): {}", address,
                                                     socket_name(kind), error.what()));
  }
}

std::uint16_t bound_port(const zmq::socket_t& socket) {
  const std::string endpoint = socket.get(zmq::sockopt::last_endpoint);
  std::uint16_t port = 0;
  const auto colon = endpoint.rfind(':');
  ZS_BUS_ASSERT(colon != std::string::npos);
  std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  return port;
}

}  // namespace zswarm::bus
