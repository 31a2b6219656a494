// Bounds how many connections others keep open to our sockets: in all, from one address, and by strangers.
//
// libzmq takes every connection and closes a silent one when the time for its handshake is over; it has no
// limit on their number, nor a way to close one. But its socket monitor tells of each one taken and gone,
// with the file descriptor, and an arriving message names the descriptor that it came over. So the bus keeps
// a table (connection_table.h) and ends what is too much by shutdown(2), which libzmq then finds closed like
// any other. Between being taken and being told of here lies one turn of the bus's loop; so many connections
// more than the limits can be open for a moment.
//
// The same table bounds what somebody who has been let in can make libzmq keep: bytes that nobody has read
// (unread_bytes.h), and on the gossip socket, where libzmq keeps what was read, all that comes
// (byte_window.h).
//
// A descriptor may have been closed and given out anew before its number reaches us. So it is first
// duplicated, onto a descriptor that is kept for this (there may be no other left), and what it is now is
// compared with both ends of what it was: nothing else is ever shut down.
//
// Belongs to the thread of the bus.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "bus/base/time.h"
#include "bus/keys/descriptor.h"
#include "bus/zmq/byte_window.h"
#include "bus/zmq/connection_table.h"
#include "bus/zmq/parts.h"
#include "bus/zmq/sockets.h"
#include "bus/zmq/unread_bytes.h"

namespace zswarm::bus {

class Door {
 public:
  static constexpr std::size_t kSockets = 4;  // join, gossip, control, dispatch
  static constexpr Duration kSweepEvery = std::chrono::seconds(5);
  static constexpr Duration kWeighEvery = std::chrono::milliseconds(100);
  // While something lies there that is no message yet.
  static constexpr Duration kWeighSoon = std::chrono::milliseconds(10);
  static constexpr std::uint64_t kWeighSoonBytes = 1u << 20;

  /// kIo if the process has no descriptors left.
  [[nodiscard]] static Result<Door> open(zmq::context_t& context, const SocketLimits& limits);

  /// Begins to watch a bound socket; stop() before it is closed.
  Status watch(Socket kind, zmq::socket_t& listener, std::uint16_t port);
  void stop(Socket kind, zmq::socket_t& listener);

  /// kSockets items, always; poll_done() gets the same list back.
  void add_poll_items(std::vector<zmq::pollitem_t>& items);
  void poll_done(Time now, const std::vector<zmq::pollitem_t>& items, std::size_t first);

  /// Takes note of connections that were opened or closed; before the ZAP handler answers, so that none
  /// speaks before it is known here.
  void notice(Time now);

  /// A message of somebody whom the ZAP handler has let in.
  void proved(Socket kind, Received& message);
  /// Whether all messages of a socket have been read, so far.
  void drained(Socket kind, bool all) { watched_[static_cast<std::size_t>(kind)].drained = all; }
  /// Ends the connection over which this came.
  void end(Socket kind, zmq::message_t& part);

  /// Looks for connections whose end was not told. Call it now and then.
  void tick(Time now);
  /// Hosts from which somebody tried the join socket with a server key that is not its own, since the last
  /// call: the latest kWrongKeys of them.
  static constexpr std::size_t kWrongKeys = 16;
  [[nodiscard]] std::vector<std::string> take_wrong_keys() { return std::exchange(wrong_keys_, {}); }

  /// How long tick() may wait to be called.
  [[nodiscard]] Duration patience() const;

  [[nodiscard]] std::size_t connections() const { return table_.size(); }
  [[nodiscard]] std::uint64_t shut() const { return shut_; }

 private:
  struct Watched {
    zmq::socket_t monitor;
    std::uint16_t port = 0;
    bool wrong_key = false;  // the next connection that ends
    bool drained = true;
  };
  Door(zmq::context_t& context, const SocketLimits& limits, Descriptor nothing, Descriptor looking_at);
  void read_events(Time now, std::size_t which);
  /// The ends of a connection to this port, if the descriptor is one now. What was looked at stays open until
  /// let_go().
  [[nodiscard]] std::optional<Ends> look_at(int descriptor, std::uint16_t port);
  void let_go();
  [[nodiscard]] static ConnectionTable::Name name_of(Socket kind, zmq::message_t& part);
  void open_window(const ConnectionTable::Name& name, const Ends& ends);
  void advance_windows();
  void weigh(Time now);
  void closed(const ConnectionTable::Name& name);
  void note_wrong_key(const ConnectionTable::Name& name);
  void shut_down(const ConnectionTable::Open& open);

  zmq::context_t* context_;
  ConnectionTable table_;
  std::array<Watched, kSockets> watched_;
  Descriptor nothing_, looking_at_;
  std::uint64_t shut_ = 0, names_ = 0;
  UnreadBytes<ConnectionTable::Name> unread_;
  const std::uint32_t window_bytes_;
  std::map<ConnectionTable::Name, ByteWindow> windows_;  // of the gossip socket
  std::vector<std::string> wrong_keys_;
  Time sweep_at_, weigh_at_;
};

}  // namespace zswarm::bus
