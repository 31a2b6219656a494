// Every limit of the sockets, in one place. libzmq's own defaults have no limit on sizes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zswarm::bus {

struct SocketLimits {
  using Milliseconds = std::chrono::milliseconds;

  std::int64_t join_message_bytes = 64 << 10;
  std::int64_t gossip_message_bytes = 256 << 10;
  std::int64_t subscription_bytes =
      1024;  // what the gossip socket takes in: subscriptions of a byte, and CURVE's own handshake
  std::int64_t member_message_bytes = 1 << 20;  // control and dispatch: a chunk with its proof fits
  int queue_messages = 1000;  // towards each connection; beyond it they wait here, see unsent_*
  int unread_messages = 0;  // 0: their number has no bound, their bytes have (unread_bytes); see sockets.cpp
  int backlog = 512;        // connections that the operating system has taken and we have not
  Milliseconds handshake{3000};  // a connection that has not proved itself by then is closed
  Milliseconds linger{
      200};  // for what is still to be sent when a socket closes: the words of somebody who leaves
  // Of those who connected to us, by ZMTP's PING: it ends who is silent in the middle of a message. Rare,
  // since it is the dearest part of an idle node's traffic; who lives is the overlay's business.
  Milliseconds heartbeat{30000}, heartbeat_timeout{10000};
  // What TCP notices by itself: a peer whose machine is gone, or that has forgotten the connection. Probes of
  // idle connections, and how long what was sent may stay unacknowledged.
  std::chrono::seconds probe_idle{15}, probe_again{5};
  int probes = 3;
  Milliseconds unacknowledged{15000};
  Milliseconds reconnect{100}, reconnect_max{5000};
  std::size_t peers = 256;          // nodes that we hold connections to
  Milliseconds idle{30000};         // a connection that nobody has linked is closed after so much silence
  Milliseconds introduction{5000};  // time for a hello to be answered
  // To one node on one lane, while it is being introduced or its queue is full; beyond either, messages are
  // lost and the node's streams end.
  std::size_t unsent_messages = 256, unsent_bytes = 16u << 20;
  std::size_t held_peers = 64;         // that connected to us, do not read, and for whom messages wait here
  std::size_t messages_per_turn = 64;  // taken from one socket before the others get their turn
  std::size_t hellos_per_second = 50;  // answered on the join socket
  std::size_t routes = 4096;           // nodes that connected to us and that we can answer
  // Nodes whose key is admitted and whose address is known. The core forgets members before it comes to this
  // (CoreLimits::members, and some).
  std::size_t admitted = 20'000;
  std::size_t admitted_clients = 4096;
  // Connections that others open, over all sockets (door.h). One that has not said anything in the name of a
  // good key counts as a stranger's. Half of the process's file descriptors are the bound where that is less.
  std::size_t connections = 4096, connections_of_address = 1024;
  std::size_t strangers = 256, strangers_of_address = 64;
  // What may have come over one of them, over all of them, and over all connections that we have opened,
  // without having been read. The longest message is a request with 16 frames, 8.5 MiB (service/limits.h); a
  // source that was asked for 32 chunks may send 8 MiB while we save the ledger.
  std::uint64_t unread_bytes_of_connection = 12u << 20, unread_bytes = 64u << 20;
  // What a subscriber may send before we have read all that was there: its handshake and some subscriptions
  // of a byte each.
  std::uint32_t subscriber_window_bytes = 4096;
};

}  // namespace zswarm::bus
