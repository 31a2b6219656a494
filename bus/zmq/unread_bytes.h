// How much has come over each connection that nobody has read yet.
//
// libzmq bounds the size of a message's parts but not their number, and keeps them all until the last one is
// there; and its queues towards us have no bound, for a reason (sockets.cpp). So one connection could fill
// the memory. The kernel counts the bytes that libzmq has taken from a connection (tcp(7), TCP_INFO), and of
// the messages that were read from it we know how long they were on the wire: the difference lies in libzmq.
// Where that is more than any connection needs, it has to go; so has the one with the most, where all
// together have too much.
//
// Heartbeats count as unread, for nobody sees them; whoever brings a message is forgiven what was there
// before it, as long as nothing waits behind it.
//
// Counts only; who owns it asks the kernel (door.h, connections.h) and closes. What came between two
// weighings counts from the second one on. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

namespace zswarm::bus {

template <class Name>
class UnreadBytes {
 public:
  UnreadBytes(std::uint64_t of_connection, std::uint64_t all) : of_connection_(of_connection), all_(all) {}

  /// A message of so many bytes on the wire was read from it.
  void message(const Name& name, std::uint64_t bytes) {
    const auto at = entries_.find(name);
    if (at == entries_.end()) return;
    at->second.read += bytes;
    at->second.brought = true;
  }
  /// So many bytes have been taken from it since it was opened. `drained`: every message that was whole has
  /// been read.
  void weigh(const Name& name, std::uint64_t taken, bool drained) {
    const auto [at, is_new] = entries_.try_emplace(name, Entry{taken, taken});
    Entry& entry = at->second;
    // Fewer than before: it is another connection, under the old one's name.
    if (taken < entry.last) entry = Entry{taken, taken, entry.unread};
    entry.base = std::min(taken, entry.base + entry.read);
    if (entry.brought && drained) entry.base = std::max(entry.base, entry.last);
    entry.last = taken;
    entry.read = 0;
    entry.brought = false;
    unread_ -= entry.unread;
    entry.unread = taken - entry.base;
    unread_ += entry.unread;
  }
  void closed(const Name& name) {
    const auto at = entries_.find(name);
    if (at == entries_.end()) return;
    unread_ -= at->second.unread;
    entries_.erase(at);
  }
  /// Which one to close, if any; it is forgotten. Ask until there is none.
  [[nodiscard]] std::optional<Name> surplus() {
    const auto most = heaviest();
    if (most == entries_.end() || (most->second.unread <= of_connection_ && unread_ <= all_))
      return std::nullopt;
    const Name name = most->first;
    closed(name);
    return name;
  }
  [[nodiscard]] std::uint64_t unread() const { return unread_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t base = 0;  // of what was taken: so much is read
    std::uint64_t last = 0;  // taken when it was last weighed
    std::uint64_t unread = 0;
    std::uint64_t read = 0;  // since it was last weighed
    bool brought = false;    // a message, since then
  };
  [[nodiscard]] typename std::map<Name, Entry>::iterator heaviest() {
    auto most = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      if (most == entries_.end() || at->second.unread > most->second.unread) most = at;
    }
    return most;
  }

  const std::uint64_t of_connection_, all_;
  std::map<Name, Entry> entries_;
  std::uint64_t unread_ = 0;  // the sum
};

}  // namespace zswarm::bus
