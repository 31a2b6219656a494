// Which connections others have opened to our sockets, and which of them must go so that the limits hold.
//
// A connection is a stranger's until something has arrived on it under a good key, or until it has outlived
// the time for a handshake, which libzmq allows to nobody without one. Where strangers are too many, the
// oldest of them goes: a handshake takes a few round trips, so who means it is through before its
// turn comes, and who opens connections and says nothing only displaces itself. Where those who have proved
// themselves are too many, the newest goes, since it can wait.
//
// Counts only; whoever owns it closes what it names (door.h). One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "bus/base/bytes.h"
#include "bus/base/time.h"

namespace zswarm::bus {

/// IPv4 as ::ffff:a.b.c.d; of IPv6 the first 64 bits, since one machine has all of the rest.
struct Origin {
  ByteArray<16> bytes{};
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

/// A connection's two ends: equal for no two connections at one time.
struct Ends {
  Origin origin;
  ByteArray<16> address{};  // of the other side, whole
  std::uint16_t port = 0;   // of the other side
  friend bool operator==(const Ends&, const Ends&) = default;
};

class ConnectionTable {
 public:
  /// A socket of ours and the descriptor of a connection to it.
  struct Name {
    std::uint8_t socket = 0;
    int descriptor = -1;
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  struct Limits {
    std::size_t all = 0, of_origin = 0;
    std::size_t strangers = 0, strangers_of_origin = 0;
    Duration handshake{0};  // the longest that libzmq waits for one
  };
  struct Open {
    Name name;
    Ends ends;
  };

  explicit ConnectionTable(const Limits& limits) : limits_(limits) {}

  /// A new connection; which one to close for it, if any. That one is no longer in the table.
  [[nodiscard]] std::optional<Open> opened(Time now, const Name& name, const Ends& ends);
  /// Something came under a good key; which connection to close, if any.
  [[nodiscard]] std::optional<Open> proved(const Name& name);
  /// Those who have outlived the time for a handshake are strangers no more; which to close, if any.
  [[nodiscard]] std::vector<Open> ripen(Time now);
  void closed(const Name& name);
  /// All of one of our sockets.
  void closed_all(std::uint8_t socket);

  [[nodiscard]] const Ends* find(const Name& name) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t strangers() const { return strangers_.size(); }
  /// Visits (name, ends) of all.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [name, entry] : entries_) visit(name, entry.ends);
  }

 private:
  struct Entry {
    Ends ends;
    std::uint64_t number = 0;  // grows with each connection
    Time since;
    bool proved = false;
  };
  struct Counts {
    std::map<std::uint64_t, Name> strangers;  // oldest first
    std::size_t proved = 0;
  };
  using Entries = std::map<Name, Entry>;
  Open remove(Entries::iterator at);

  const Limits limits_;
  Entries entries_;
  std::map<Origin, Counts> origins_;
  std::map<std::uint64_t, Name> strangers_;  // of all origins, oldest first
  std::uint64_t last_number_ = 0;
};

}  // namespace zswarm::bus
