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
  int queue_messages = 1000;     // of each connection, each way; beyond it messages are dropped or refused
  Milliseconds handshake{3000};  // a connection that has not proved itself by then is closed
  Milliseconds linger{
      200};  // for what is still to be sent when a socket closes: the words of somebody who leaves
  Milliseconds heartbeat{2000}, heartbeat_timeout{10000};
  Milliseconds reconnect{100}, reconnect_max{5000};
  std::size_t peers = 256;             // nodes that we hold connections to
  Milliseconds idle{30000};            // a connection that nobody has linked is closed after so much silence
  Milliseconds introduction{5000};     // time for a hello to be answered
  std::size_t unsent_messages = 256;   // to one node while it is being introduced
  std::size_t messages_per_turn = 64;  // taken from one socket before the others get their turn
  std::size_t hellos_per_second = 50;  // answered on the join socket
  std::size_t routes = 4096;           // nodes that connected to us and that we can answer
};

}  // namespace zswarm::bus
