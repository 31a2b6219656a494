// How much has come over each connection without a message having come of it.
//
// libzmq bounds the size of a message's parts but not their number, and keeps them all until the last one is
// there: one message could fill the memory. The kernel counts the bytes of a connection (tcp(7), TCP_INFO),
// so what came since a message was last read from it is known: it lies in libzmq, unfinished. Where that is
// more than any message may be long, the connection has to go; so has the one with the most, where all
// together have too much.
//
// Counts only; door.h asks the kernel and closes. What came between two weighings counts from the second one
// on. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace zswarm::bus {

template <class Name>
class UnreadBytes {
 public:
  UnreadBytes(std::uint64_t of_connection, std::uint64_t all) : of_connection_(of_connection), all_(all) {}

  /// A message was read from it.
  void message(const Name& name) {
    if (const auto at = entries_.find(name); at != entries_.end()) at->second.read = true;
  }
  /// So many bytes have come over it since it was opened.
  void weigh(const Name& name, std::uint64_t received) {
    const auto [at, is_new] = entries_.try_emplace(name, Entry{received, 0, false});
    Entry& entry = at->second;
    // Fewer than before: it is another connection, under the old one's name.
    if (entry.read || received < entry.base) entry.base = received;
    entry.read = false;
    unread_ -= entry.unread;
    entry.unread = received - entry.base;
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
    std::uint64_t base = 0, unread = 0;
    bool read = false;  // since it was last weighed
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
