// How much those whom we connect to have sent that we have not read: the door's scales (door.h) for our own
// connections.
//
// Of a connection that we open, libzmq tells the descriptor only with the messages that come over it, and who
// never ends a message brings none. So each weighing goes through the process's descriptors for connections
// to the addresses asked about. Whoever owns the sockets closes those that are named. One thread, that of the
// bus.
#pragma once

#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "bus/base/time.h"
#include "bus/zmq/limits.h"
#include "bus/zmq/parts.h"
#include "bus/zmq/unread_bytes.h"

namespace zswarm::bus {

class Intake {
 public:
  static constexpr Duration kWeighEvery = std::chrono::milliseconds(100);
  // While something lies there unread.
  static constexpr Duration kWeighSoon = std::chrono::milliseconds(10);
  static constexpr std::uint64_t kWeighSoonBytes = 1u << 20;

  explicit Intake(const SocketLimits& limits)
      : unread_(limits.unread_bytes_of_connection, limits.unread_bytes) {}

  /// A message was read; the descriptor that it came over.
  int message(Received& message);
  /// Whether all messages that came over it have been read, so far.
  void drained(int descriptor, bool all) {
    if (all) {
      behind_.erase(descriptor);
    } else {
      behind_.insert(descriptor);
    }
  }

  [[nodiscard]] bool is_due(Time now) const { return weigh_at_ <= now; }
  /// Which of these addresses (HOST:PORT) have sent more than we keep.
  [[nodiscard]] std::vector<std::string> weigh(Time now, const std::unordered_set<std::string>& addresses);

  [[nodiscard]] std::uint64_t unread() const { return unread_.unread(); }

 private:
  UnreadBytes<int> unread_;  // by descriptor
  std::set<int> known_, behind_;
  Time weigh_at_;
};

}  // namespace zswarm::bus
